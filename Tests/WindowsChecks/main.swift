import CShims

// Runs the checks whose names contain one of the arguments, or all; exits with 1 when one fails.

let checks: [Check] = systemChecks

exit(Check.run(checks, only: Array(CommandLine.arguments.dropFirst())))
