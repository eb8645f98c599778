import Agent
import CShims
import Foundation
import Testing

@Suite("The hub's invoke and control API")
struct HubTests {
    @Test("a task goes from its creation to its end, and doubles are counted")
    func lifecycle() async throws {
        let hub = try HubProcess()
        let agent = FakeAgent(hub)
        #expect(try agent.describe() == ([], []))
        let id = try await hub.createTask("echo hi", user: "nobody", directory: "/tmp", timeout: 7)
        #expect(try agent.describe().tasks == [id])
        let task = try #require(try agent.call("DescribeTasks")["InvocationNormalTaskSet"]?.array?.first)
        #expect(task["Command"]?.string == Base64.encode(Array("echo hi".utf8)))
        #expect(task["TimeOut"]?.int64 == 7)
        #expect(task["Username"]?.string == "nobody")
        #expect(task["WorkingDirectory"]?.string == "/tmp")
        #expect(task["CommandType"]?.string == "SHELL")

        #expect(try agent.start(id)["Error"] == nil)
        #expect(try agent.start(id)["Error"] == nil)
        #expect(try agent.describe().tasks.isEmpty)
        try agent.upload(id, 0, "one ")
        try agent.upload(id, 0, "one ")
        try agent.upload(id, 0, "ONE ")
        try agent.upload(id, 2, "three", dropped: 9)
        var record = try await hub.task(id)
        #expect(record["output"]?.string == "one ")
        #expect(record["gaps"]?.array == [1])
        try agent.upload(id, 1, "two ")
        try agent.finish(id, exitCode: 0, last: 2)
        try agent.finish(id, exitCode: 0, last: 2)
        try agent.finish(id, result: "FAILED", exitCode: 1, last: 2)
        #expect(try agent.start(id)["Error"]?["Code"]?.string == "InvalidParameterValue.TaskFinished")

        record = try await hub.task(id)
        #expect(record["state"]?.string == "finished")
        #expect(record["result"]?.string == "SUCCESS")
        #expect(record["output"]?.string == "one two three")
        #expect(record["dropped"]?.int64 == 9)
        #expect(record["gaps"]?.array == [])
        let counters = try #require(record["counters"])
        #expect(counters["describes"]?.int64 == 2)
        #expect(counters["starts"]?.int64 == 2)
        #expect(counters["chunks"]?.int64 == 3)
        #expect(counters["chunkRepeats"]?.int64 == 1)
        #expect(counters["chunkConflicts"]?.int64 == 1)
        #expect(counters["finishes"]?.int64 == 3)
        #expect(counters["finishConflicts"]?.int64 == 1)
        #expect(record["violations"]?.array == ["chunk 2 before chunk 1"])
        let order = ["created", "described", "started", "firstChunk", "finished"]
        let times = order.compactMap { record["times"]?[$0]?.int64 }
        #expect(times.count == 5 && times == times.sorted())
    }

    @Test("reports about unknown tasks are refused")
    func unknownTasks() throws {
        let hub = try HubProcess()
        let agent = FakeAgent(hub)
        for response in [try agent.start("x"), try agent.upload("x", 0, ""), try agent.finish("x")] {
            #expect(response["Error"]?["Code"]?.string == "InvalidParameterValue.TaskNotFound")
            #expect(response["RequestId"]?.string?.isEmpty == false)
        }
        #expect(try agent.call("NoSuchThing")["Error"]?["Code"]?.string == "InvalidAction")
    }

    @Test("cancelling: before it is handed out, before its start, while it runs")
    func cancel() async throws {
        let hub = try HubProcess()
        let agent = FakeAgent(hub)
        try agent.describe()
        let untold = try await hub.createTask("a")
        try await hub.cancelTask(untold)
        #expect(try await hub.task(untold)["state"]?.string == "cancelled")
        #expect(try agent.describe() == ([], []))

        let told = try await hub.createTask("b")
        #expect(try agent.describe().tasks == [told])
        try await hub.cancelTask(told)
        #expect(try agent.describe() == ([], [told]))
        try agent.start(told)
        #expect(try agent.describe() == ([], [told]))
        try agent.finish(told, result: "TERMINATED", exitCode: -1, last: nil)
        #expect(try agent.describe() == ([], []))
        #expect(try await hub.task(told)["result"]?.string == "TERMINATED")
        #expect(try await hub.answer("POST", "/hub/tasks/\(told)/cancel").status == 409)
    }

    @Test("tasks are handed to the agent they are for")
    func agents() async throws {
        let hub = try HubProcess()
        let early = try await hub.createTask("for whoever comes first")
        let first = FakeAgent(hub, vip: "10.0.0.1")
        let second = FakeAgent(hub, vip: "10.0.0.2")
        #expect(try first.describe().tasks == [early])
        #expect(try second.describe().tasks.isEmpty)
        let mine = try await hub.createTask("x", agent: "machine-1@10.0.0.1")
        #expect(try second.describe().tasks.isEmpty)
        #expect(try first.describe().tasks == [early, mine])
        let agents = try await hub.request("GET", "/hub/agents")["agents"]?.array ?? []
        #expect(Set(agents.compactMap { $0["vip"]?.string }) == ["10.0.0.1", "10.0.0.2"])
        #expect(agents.first?["version"]?.string == "1.2.3")
        #expect(agents.first?["pid"]?.string == "77")
        #expect(agents.first?["kernelName"]?.string == "Linux")
    }

    @Test("many tasks in one request, and whatever a test wants on the wire")
    func rawTasks() async throws {
        let hub = try HubProcess()
        let agent = FakeAgent(hub)
        let orders = (0..<100).map { JSON.object(["id": .string("bench-\($0)"), "script": "true"]) }
        let answer = try await hub.request("POST", "/hub/tasks", body: .array(orders))
        #expect(answer["ids"]?.array?.count == 100)
        #expect(try agent.describe().tasks == (0..<100).map { "bench-\($0)" })
        #expect(try await hub.answer("POST", "/hub/tasks", body: orders[0]).status == 409)

        let weird = "../ä/%2e\n\u{1}"
        let id = try await hub.createTask(
            "",
            id: weird,
            fields: ["Command": "not base64!", "TimeOut": "soon", "Username": nil, "CommandType": "POWERSHELL"]
        )
        #expect(id == weird)
        let tasks = try agent.call("DescribeTasks")["InvocationNormalTaskSet"]?.array ?? []
        let task = try #require(tasks.last)
        #expect(task["InvocationTaskId"]?.string == weird)
        #expect(task["Command"]?.string == "not base64!")
        #expect(task["TimeOut"]?.string == "soon")
        #expect(task["Username"] == nil)
        #expect(task["CommandType"]?.string == "POWERSHELL")
        #expect(try await hub.task(weird)["state"]?.string == "pending")
        for order: JSON in ["x", [], [:], ["script": 5], ["script": "x", "timeout": "long"]] {
            #expect(try await hub.answer("POST", "/hub/tasks", body: order).status == 400)
        }
    }

    @Test("the other actions")
    func otherActions() async throws {
        let hub = try HubProcess()
        let agent = FakeAgent(hub)
        #expect(try agent.call("CheckUpdate")["NeedUpdate"]?.bool == false)
        try await hub.request("POST", "/hub/answer", body: ["action": "CheckUpdate", "fields": ["NeedUpdate": true]])
        #expect(try agent.call("CheckUpdate")["NeedUpdate"]?.bool == true)
        let id = try await hub.createTask("x")
        #expect(try agent.call("GetCosCredential", ["InvocationTaskId": .string(id)])["TmpSecretId"]?.string != nil)
        try agent.call("ReportAgentLog", ["AgentVersion": "1", "LogLevel": "ERROR", "LogInfo": "leak"])
        let agents = try await hub.request("GET", "/hub/agents")["agents"]?.array ?? []
        #expect(agents.first?["logs"]?.array?.first?["info"]?.string == "leak")

        #expect(try agent.call("RegisterInstance", ["MachineId": "m"])["Error"] != nil)
        let request: JSON.Object = [
            "MachineId": "machine-1", "ActiveCode": "code", "ActiveValue": "value", "Hostname": "h",
            "LocalIp": "1.2.3.4",
            "PublicKey": "-----BEGIN RSA PUBLIC KEY-----\nAA==\n-----END RSA PUBLIC KEY-----\n", "SystemName": "Linux",
        ]
        let instance = try #require(try agent.call("RegisterInstance", request)["InstanceId"]?.string)
        #expect(try agent.call("RegisterInstance", request)["InstanceId"]?.string == instance)
        #expect(try agent.call("ValidateInstance")["Error"] != nil)
        let registered = FakeAgent(hub, instance: instance)
        #expect(try registered.call("ValidateInstance")["Error"] == nil)
        let all = try await hub.request("GET", "/hub/agents")["agents"]?.array ?? []
        #expect(all.first { $0["id"]?.string == instance }?["registered"]?.bool == true)
        let log = try await hub.request("GET", "/hub/requests")["requests"]?.array ?? []
        #expect(log.last?["action"]?.string == "ValidateInstance")
        #expect(log.last?["outcome"]?.string == "ok")
    }

    @Test("the state outlives the hub, whatever way it ends")
    func replay() async throws {
        let hub = try HubProcess()
        let agent = FakeAgent(hub)
        let done = try await hub.createTask("done")
        let running = try await hub.createTask("running")
        let pending = try await hub.createTask("pending")
        try agent.describe()
        try agent.start(done)
        try agent.upload(done, 0, "täxt\u{0}\n")
        try agent.finish(done, result: "FAILED", exitCode: 4)
        try agent.start(running)
        try agent.upload(running, 0, "half")
        try await hub.cancelTask(running)
        let before = try await hub.task(done)
        let oldToken = hub.token
        hub.kill(SIGKILL)

        let journal = hub.stateDirectory.appending(path: "journal.jsonl")
        let handle = try FileHandle(forWritingTo: journal)
        try handle.seekToEnd()
        try handle.write(contentsOf: Data((#"{"event":"from the future"}"# + "\n").utf8))
        try handle.write(contentsOf: Data(#"{"event":"started","task":"\#(pending)""#.utf8))
        try handle.close()
        try hub.restart()
        #expect(hub.token != oldToken)
        #expect(hub.log.contains("skipped 1 unknown line"))
        #expect(hub.log.contains("incomplete"))
        var after = try await hub.task(done)
        #expect(after["times"] == before["times"])
        #expect(after["outputBase64"] == before["outputBase64"])
        #expect(after["report"] == before["report"])
        #expect(try agent.describe() == ([pending], [running]))
        try agent.upload(running, 1, " more")
        try agent.finish(running, result: "TERMINATED", exitCode: -1, last: 1)

        hub.kill(SIGTERM)
        #expect(hub.terminationStatus == 0)
        #expect(!FileManager.default.fileExists(atPath: hub.stateDirectory.appending(path: "hub.json").path))
        try hub.restart()
        after = try await hub.task(running)
        #expect(after["output"]?.string == "half more")
        #expect(after["violations"]?.array == [])
        #expect(try await hub.task(pending)["state"]?.string == "pending")
    }

    @Test("one hub alone uses a state directory, which is its owner's only")
    func stateDirectory() throws {
        let hub = try HubProcess()
        let file = hub.stateDirectory.appending(path: "hub.json").path
        #expect(try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int == 0o600)
        let second = try HubCommand.run(["serve", "--listen", "127.0.0.1:0", "--state", hub.stateDirectory.path])
        #expect(second.status == 69)
        #expect(second.errors.contains("another hub"))
        try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: hub.stateDirectory.path)
        let client = try HubCommand.run(["tasks", "--state", hub.stateDirectory.path])
        #expect(client.status == 69)
        #expect(client.errors.contains("can be written by other users"))
    }

    @Test("nothing is done without the token, nor for a web page")
    func authorization() async throws {
        let hub = try HubProcess()
        let socket = try TestSocket(port: hub.port)
        let body = Array(#"{"script":"x"}"#.utf8)
        #expect(try socket.exchange("POST", "/hub/tasks", body: body).status == 401)
        for token in ["", "x", String(hub.token.dropLast()), hub.token + "0", hub.token.uppercased() + " "] {
            let headers = [("Authorization", "Bearer \(token)")]
            #expect(try socket.exchange("POST", "/hub/tasks", headers: headers, body: body).status == 401)
            #expect(try socket.exchange("GET", "/hub/tasks", headers: headers).status == 401)
        }
        let own = ("Authorization", "Bearer \(hub.token)")
        #expect(try socket.exchange("GET", "/hub/tasks", headers: [own]).status == 200)
        let origin = ("Origin", "http://localhost")
        #expect(try socket.exchange("POST", "/hub/tasks", headers: [own, origin], body: body).status == 403)
        let call = Array(#"{"Action":"DescribeTasks"}"#.utf8)
        #expect(try socket.exchange("POST", "/", headers: [origin], body: call).status == 403)
        #expect(try await hub.request("GET", "/hub/tasks")["tasks"]?.array?.isEmpty == true)
        #expect(try await hub.answer("GET", "/hub/nowhere").status == 404)
        #expect(try await hub.answer("GET", "/hub/tasks/none").status == 404)
    }

    @Test("waiting for a task")
    func waiting() async throws {
        let hub = try HubProcess()
        let agent = FakeAgent(hub)
        let id = try await hub.createTask("x")
        let early = try await hub.request("GET", "/hub/tasks/\(id)?wait=start&timeout=0.05")
        #expect(early["state"]?.string == "pending")
        async let finished = hub.request("GET", "/hub/tasks/\(id)?wait=finish&timeout=30")
        async let output = hub.request("GET", "/hub/tasks/\(id)/output?offset=2&timeout=30")
        try await Task.sleep(for: .milliseconds(100))
        try agent.start(id)
        try agent.upload(id, 0, "ab")
        try agent.upload(id, 1, "cd")
        #expect(try await output["output"]?.string == Base64.encode(Array("cd".utf8)))
        try agent.finish(id, last: 1)
        #expect(try await finished["result"]?.string == "SUCCESS")
    }
}
