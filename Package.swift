// swift-tools-version: 6.2
import PackageDescription

// What is built is chosen by the system that it is for. A manifest only sees the one that it is read on, so those who
// build for Windows elsewhere say so (Cross/lib/product.sh does).
#if os(Windows)
    let isForWindows = true
#else
    let isForWindows = Context.environment["TAT_TARGET_OS"] == "windows"
#endif

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("ExistentialAny"),
    .treatAllWarnings(as: .error),
]

// For Tests/Torture/crashpoints.py, in a scratch folder of its own: processes that die at a step of choice.
let hasCrashPoints = !isForWindows && Context.environment["TAT_CRASH_POINTS"] == "1"
let crashPoints: [SwiftSetting] = hasCrashPoints ? [.define("TAT_CRASH_POINTS")] : []
let crashTargets: [Target] =
    hasCrashPoints
    ? [.target(name: "CrashPoints", dependencies: ["Agent"], path: "Tests/CrashPoints", swiftSettings: strict)] : []

let backend = isForWindows ? "PlatformWindows" : "PlatformLinux"

/// The Windows libraries that the shims call.
let windowsLibraries = [
    "advapi32", "bcrypt", "psapi", "shell32", "ws2_32",
]

let common: [Target] = [
    .target(
        name: "CShims",
        linkerSettings: isForWindows
            ? windowsLibraries.map { .linkedLibrary($0) } : [.linkedLibrary("dl", .when(platforms: [.linux]))]
    ),
    .target(name: "Agent", swiftSettings: strict),
    .target(
        name: backend,
        dependencies: ["Agent", "CShims"] + (hasCrashPoints ? ["CrashPoints"] : []),
        swiftSettings: strict + crashPoints
    ),
    .executableTarget(
        name: "tat_agent",
        dependencies: ["Agent", .target(name: backend), "CShims"],
        swiftSettings: strict
    ),
    .testTarget(name: "AgentTests", dependencies: ["Agent"], swiftSettings: strict),
]

let linux: [Target] = [
    .executableTarget(
        name: "tat_hub",
        dependencies: ["Agent", "PlatformLinux", "CShims"],
        swiftSettings: strict
    ),
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
]

let windows: [Target] = [
    // Has a runner of its own: there is no XCTest for a Windows program that is built elsewhere.
    .executableTarget(
        name: "windows_checks",
        dependencies: ["Agent", "PlatformWindows", "CShims"],
        path: "Tests/WindowsChecks",
        swiftSettings: strict
    )
]

let package = Package(
    name: "tat-agent",
    products: [.executable(name: "tat_agent", targets: ["tat_agent"])]
        + (isForWindows ? [] : [.executable(name: "tat_hub", targets: ["tat_hub"])]),
    targets: common + (isForWindows ? windows : linux) + crashTargets,
    swiftLanguageModes: [.v6]
)
