import CShims

// Runs the checks whose names contain one of the arguments, or all; exits with 1 when one fails. Those of the transport need
// `server=…`, and in Wine `system=wine` is given (TestServer.swift).

let checks: [Check] = [
    systemChecks,
    shimChecks,
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
].flatMap(\.self)

if Reporter.isWanted { exit(Reporter.run()) }
if let code = Starter.run() { exit(code) }
let result = Check.run(checks, only: CommandLine.arguments.dropFirst().filter { !$0.utf8.contains(UInt8(ascii: "=")) })
TestServer.settle()
exit(result)
