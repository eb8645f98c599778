// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("ExistentialAny"),
    .treatAllWarnings(as: .error),
]

// For Tests/Torture/crashpoints.py, in a scratch folder of its own: processes that die at a step of choice.
let hasCrashPoints = Context.environment["TAT_CRASH_POINTS"] == "1"
let crashPoints: [SwiftSetting] = hasCrashPoints ? [.define("TAT_CRASH_POINTS")] : []
let crashTargets: [Target] =
    hasCrashPoints
    ? [.target(name: "CrashPoints", dependencies: ["Agent"], path: "Tests/CrashPoints", swiftSettings: strict)] : []

let package = Package(
    name: "tat-agent",
    products: [
        .executable(name: "tat_agent", targets: ["tat_agent"]),
        .executable(name: "tat_hub", targets: ["tat_hub"]),
    ],
    targets: [
        .target(
            name: "CShims",
            linkerSettings: [.linkedLibrary("dl", .when(platforms: [.linux]))]
        ),
        .target(name: "Agent", swiftSettings: strict),
        .target(
            name: "PlatformLinux",
            dependencies: ["Agent", "CShims"] + (hasCrashPoints ? ["CrashPoints"] : []),
            swiftSettings: strict + crashPoints
        ),
        .executableTarget(
            name: "tat_agent",
            dependencies: [
                "Agent",
                .target(name: "PlatformLinux", condition: .when(platforms: [.linux])),
                "CShims",
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "tat_hub",
            dependencies: ["Agent", "PlatformLinux", "CShims"],
            swiftSettings: strict
        ),
        .testTarget(name: "AgentTests", dependencies: ["Agent"], swiftSettings: strict),
        .testTarget(
            name: "PlatformLinuxTests",
            dependencies: ["Agent", "PlatformLinux", "CShims", "tat_agent"],
            exclude: ["Fixtures"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "EndToEndTests",
            dependencies: ["Agent", "PlatformLinux", "CShims", "tat_agent", "tat_hub"],
            exclude: ["Fixtures"],
            swiftSettings: strict
        ),
    ] + crashTargets,
    swiftLanguageModes: [.v6]
)
