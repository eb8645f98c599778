/// The service's addresses (protocol §1): those of `config.dat`, of the region, or the first default that resolves.
@LoopActor
final class Endpoints {
    private let platform: any Platform
    private let config: Config
    private let metadata: MetadataService
    private var invokeIndex = 0
    private var notifyIndex = 0
    private let regionGate = Gate(width: 1)
    private var regionAsked = false
    private var region: String?

    init(platform: any Platform, config: Config) {
        self.platform = platform
        self.config = config
        metadata = MetadataService(platform: platform)
    }

    func invokeURL() async -> String {
        if let url = config.invokeURL { return url }
        if isMocked { return "http://invoke" }
        if let region = await foreignRegion() { return "https://\(region).invoke.tat-tc.tencent.cn" }
        invokeIndex = await firstResolving(of: Self.invokeDefaults, from: invokeIndex)
        return Self.invokeDefaults[invokeIndex]
    }

    func notifyURL() async -> String {
        if let url = config.notifyURL { return url }
        if isMocked { return "ws://notify:8086/ws" }
        if let region = await foreignRegion() { return "wss://\(region).notify.tat-tc.tencent.cn:8186/ws" }
        notifyIndex = await firstResolving(of: Self.notifyDefaults, from: notifyIndex)
        return Self.notifyDefaults[notifyIndex]
    }

    private static let invokeDefaults = [
        "https://invoke.tat-tc.tencent.cn",
        "https://invoke.tat-tc.tencent.com.cn",
        "https://invoke.tat-tc.tencentyun.com",
        "https://invoke.tat.tencent-cloud.com",
    ]

    private static let notifyDefaults = [
        "wss://notify.tat-tc.tencent.cn:8186/ws",
        "wss://notify.tat-tc.tencent.com.cn:8186/ws",
        "wss://notify.tat-tc.tencentyun.com:8186/ws",
        "wss://notify.tat.tencent-cloud.com:8186/ws",
    ]

    private var isMocked: Bool { platform.machine.environment("MOCK_ENABLE") != nil }

    /// The index of the first address whose name resolves, the last good one tried first; that one again when none does.
    private func firstResolving(of urls: [String], from last: Int) async -> Int {
        for index in [last] + urls.indices.filter({ $0 != last }) {
            if await platform.transport.resolves(url: urls[index]) { return index }
        }
        return last
    }

    /// The region of a registered machine, when it is not the one that the machine is in.
    private func foreignRegion() async -> String? {
        guard let registered = config.registration?.region, !registered.isEmpty else { return nil }
        await regionGate.run {
            guard !regionAsked else { return }
            region = await metadata.get("/latest/meta-data/placement/region")
            regionAsked = true
        }
        return registered == region ? nil : registered
    }
}
