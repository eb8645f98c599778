// swift-tools-version: 6.2
import PackageDescription

// What a new SDK has to compile and run before it is taken for whole.
let package = Package(
    name: "smoke",
    targets: [
        .target(name: "CSmoke"),
        .executableTarget(
            name: "Smoke",
            dependencies: ["CSmoke"],
            swiftSettings: [.enableUpcomingFeature("NonisolatedNonsendingByDefault")]
        ),
    ],
    swiftLanguageModes: [.v6]
)
