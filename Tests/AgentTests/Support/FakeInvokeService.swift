@testable import Agent

/// The invoke API's other end: keeps the calls, and answers as the test has it.
@LoopActor
final class FakeInvokeService {
    struct Call: Equatable {
        var action: String
        var body: JSON

        var taskID: String? { body["InvocationTaskId"]?.string }
        var index: Int64? { body["Index"]?.int64 }
        var result: String? { body["Result"]?.string }
        var errorInfo: String? { body["ErrorInfo"]?.string }
        /// The output that the call carries.
        var output: [UInt8]? { body["Output"]?.string.flatMap { try? Base64.decode($0) } }
    }

    enum Answer {
        case fields(JSON.Object)
        /// An `Error` with this code.
        case error(String)
        case raw(status: Int, body: String)
        /// The connection breaks before the answer.
        case reset
        /// No answer, ever.
        case silence

        static let taken = Answer.fields([:])
    }

    let transport = FakeTransport()
    private(set) var calls: [Call] = []
    /// What the service answers.
    var answer: @LoopActor (Call) async -> Answer = { _ in .taken }
    /// What `DescribeTasks` answers, unless `answer` has something else for it; given once.
    var described: JSON.Object?

    init() {
        // Both live for ever: a call of an agent that a test has left behind may still come.
        transport.answer = { [self] request throws(TransportError) in try await respond(to: request) }
    }

    /// The actions called for a task, in order.
    func actions(of id: String) -> [String] { calls(of: id).map(\.action) }

    func calls(of id: String) -> [Call] { calls.filter { $0.taskID == id } }

    func finish(of id: String) -> Call? { calls(of: id).last { $0.action == "ReportTaskFinish" } }

    func chunks(of id: String) -> [Call] { calls(of: id).filter { $0.action == "UploadTaskLog" } }

    /// The output that arrived, by the first call of each index.
    func output(of id: String) -> [UInt8] {
        var byIndex: [Int64: [UInt8]] = [:]
        for call in chunks(of: id) {
            guard let index = call.index, byIndex[index] == nil else { continue }
            byIndex[index] = call.output ?? []
        }
        return byIndex.sorted { $0.key < $1.key }.flatMap(\.value)
    }

    private func respond(to request: HTTPRequest) async throws(TransportError) -> HTTPResponse {
        guard let body = try? JSON.parse(request.body), let action = body["Action"]?.string else {
            return HTTPResponse(status: 400, body: [])
        }
        let call = Call(action: action, body: body)
        calls.append(call)
        switch await answer(call) {
        case .fields(var fields):
            if action == "DescribeTasks", let described {
                self.described = nil
                fields = described
            }
            return Self.response(fields)
        case .error(let code):
            return Self.response(["Error": ["Code": .string(code), "Message": "the message"]])
        case .raw(let status, let body):
            return HTTPResponse(status: status, body: Array(body.utf8))
        case .reset:
            throw TransportError(.closed, "reset by the peer")
        case .silence:
            while true { _ = await Wakeup().wait() }
        }
    }

    private static func response(_ fields: JSON.Object) -> HTTPResponse {
        var fields = fields
        fields["RequestId"] = "request-1"
        return HTTPResponse(status: 200, body: (["Response": .object(fields)] as JSON).encoded())
    }
}
