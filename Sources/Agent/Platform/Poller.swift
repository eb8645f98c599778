/// What the event loop sleeps on: epoll on Linux, an I/O completion port on Windows.
///
/// The backend's own capabilities register with their poller directly; the core only waits and posts.
public protocol Poller: AnyObject, Sendable {
    /// Waits until something happened or `timeout` has passed (`nil`: for ever), then runs the handlers of what
    /// happened on the calling thread. A timeout of zero polls.
    func wait(timeout: Duration?)

    /// Has the loop's thread run `work` during its next `wait`. May be called from any thread.
    func post(_ work: @escaping @Sendable () -> Void)

    /// Whether the caller is on the thread that the loop runs on.
    var isLoopThread: Bool { get }
}
