import Agent

/// A launcher with a step before and after each operation.
struct CrashingLauncher: Launcher {
    let launcher: any Launcher
    let step: CrashingPlatform.Step

    var commandTypes: [String] { launcher.commandTypes }

    func prepare() {
        step("before prepare")
        launcher.prepare()
        step("after prepare")
    }

    func rest() { launcher.rest() }

    func launch(directory: String, again: Bool) throws(LaunchError) -> any SupervisorLink {
        step("before launch")
        let link = try launcher.launch(directory: directory, again: again)
        step("after launch")
        return CrashingLink(link, step: step)
    }

    func adopt(directory: String) -> Adoption {
        step("before adopt")
        let adoption = launcher.adopt(directory: directory)
        step("after adopt")
        guard case .alive(let link) = adoption else { return adoption }
        return .alive(CrashingLink(link, step: step))
    }

    func endOrphans(of taskID: String) -> Int {
        step("before endOrphans")
        let count = launcher.endOrphans(of: taskID)
        step("after endOrphans")
        return count
    }
}

/// A link with a step when there are news, and before and after each poke.
@LoopActor
final class CrashingLink: SupervisorLink {
    private let link: any SupervisorLink
    private let step: CrashingPlatform.Step

    init(_ link: any SupervisorLink, step: @escaping CrashingPlatform.Step) {
        self.link = link
        self.step = step
    }

    func news() async -> SupervisorNews {
        let news = await link.news()
        step("\(news) of the supervisor")
        return news
    }

    func poke() {
        step("before poke")
        link.poke()
        step("after poke")
    }

    func close() { link.close() }
}
