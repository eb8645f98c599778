/// Growing pauses between attempts, each drawn at random from the upper half of its range, so that many agents do not
/// come back in step.
struct Backoff {
    private let longest: Duration
    private var next: Duration

    init(from shortest: Duration = .milliseconds(500), to longest: Duration = .seconds(60)) {
        next = shortest
        self.longest = longest
    }

    mutating func pause() -> Duration {
        let pause = next * Double.random(in: 0.5...1)
        next = min(next * 2, longest)
        return pause
    }
}
