import CShims

/// Whether Windows has finished setting itself up: images of it are deployed with a part of the setup left for the first
/// start (protocol §8).
enum ImageState {
    /// In seconds.
    private static let longestWait = 180

    /// Waits for the setup to end, for 3 min at the most; `progress` is called each second, and ends the wait by `false`.
    static func wait(_ progress: () -> Bool) {
        for _ in 0..<longestWait {
            guard let state = current, state != "IMAGE_STATE_COMPLETE", progress() else { return }
            shim_win_Sleep(1000)
        }
    }

    /// `nil` where the system has none.
    private static var current: String? {
        Registry.text(#"SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\State"#, "ImageState")
    }
}
