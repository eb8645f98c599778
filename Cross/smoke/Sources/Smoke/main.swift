import CSmoke

// Actors, tasks, generics, existentials, casts, strings, doubles, 128-bit integers: each part of the runtime that a wrong
// build of it breaks. Prints one line and exits with 0 only if all are right.

actor Counter {
    private var total = 0
    func add(_ value: Int) { total += value }
    func read() -> Int { total }
}

protocol Shape { var area: Double { get } }
struct Square: Shape { let side: Double; var area: Double { side * side } }
struct Circle: Shape { let radius: Double; var area: Double { 3 * radius * radius } }
enum SmokeError: Error { case expected(String) }

var failures = 0
@MainActor func check(_ condition: Bool, _ what: String) {
    if condition { return }
    failures += 1
    print("wrong: \(what)")
}

func fails() throws { throw SmokeError.expected("reason") }

let counter = Counter()
await withTaskGroup(of: Void.self) { group in
    for value in 1...100 { group.addTask { await counter.add(value) } }
}
check(await counter.read() == 5050, "tasks and actors")

let started = ContinuousClock.now
try await Task.sleep(for: .milliseconds(20))
check(ContinuousClock.now - started >= .milliseconds(20), "sleep and clocks")

let shapes: [any Shape] = [Square(side: 2), Circle(radius: 1)]
check(shapes.map(\.area) == [4, 3], "existentials and key paths")
check((shapes[1] as Any) as? Circle != nil, "casts")
check("\(Double("2.5")! / 2)" == "1.25", "floating point")
check("Grüße, 世界 👩‍👩‍👧".count == 11, "graphemes")
check("ÄÖ".lowercased() == "äö", "case")
check(UInt128(UInt64.max) * 3 == UInt128("55340232221128654845")!, "128 bits")
check(Int64("9007199254740993")! - 1 == 9_007_199_254_740_992, "64 bits")
check(Int.bitWidth == Int(smoke_pointer_bits()), "the width of Int")
check(Set((0..<1000).map { $0 % 37 }).count == 37, "hashing and random seeds")
check(String(describing: type(of: counter)) == "Counter", "metadata by name")
check(Mirror(reflecting: Square(side: 1)).children.count == 1, "reflection")
do { try fails(); check(false, "errors") } catch SmokeError.expected(let reason) { check(reason == "reason", "errors") }
check(CommandLine.arguments.count == 2 && CommandLine.arguments[1] == "word", "arguments")
check(smoke_process() != 0, "the system's calls")

if failures == 0 { print("smoke: all is well on \(Int.bitWidth) bits") }
exit(failures == 0 ? 0 : 1)
