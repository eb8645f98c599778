import CShims

// Runs the checks whose names contain one of the arguments, or all; exits with 1 when one fails. Those of the transport need
// `server=…`, and in Wine `system=wine` is given (TestServer.swift).

let words = CommandLine.arguments.dropFirst().filter { !$0.utf8.contains(UInt8(ascii: "=")) }
let checks: [Check] = [
    systemChecks,
    shimChecks,
    systemShimChecks,
    filesChecks,
    scriptChecks,
    processChecks,
    cryptoChecks,
    addressChecks,
    machineChecks,
    usersChecks,
    securityChecks,
    logonChecks,
    TestServer.shared == nil ? [] : httpChecks + webSocketChecks + transferChecks + tlsChecks,
    isProxied ? proxyChecks : [],
    TestServer.shared == nil || isWine && words.isEmpty ? [] : stuckChecks,
].flatMap(\.self)

if Reporter.isWanted { exit(Reporter.run()) }
if let code = Starter.run() { exit(code) }
let result = Check.run(checks, only: words)
TestServer.settle()
exit(result)
