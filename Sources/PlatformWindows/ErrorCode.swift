import CShims

/// The numbers of GetLastError that are told apart (winerror.h, whose macros Swift does not see with every toolchain).
package enum ErrorCode {
    package static let fileNotFound: DWORD = 2
    package static let pathNotFound: DWORD = 3
    package static let tooManyOpenFiles: DWORD = 4
    package static let accessDenied: DWORD = 5
    package static let noMoreFiles: DWORD = 18
    package static let writeProtect: DWORD = 19
    package static let sharingViolation: DWORD = 32
    package static let handleEndOfFile: DWORD = 38
    package static let handleDiskFull: DWORD = 39
    package static let fileExists: DWORD = 80
    package static let invalidParameter: DWORD = 87
    package static let brokenPipe: DWORD = 109
    package static let diskFull: DWORD = 112
    package static let insufficientBuffer: DWORD = 122
    package static let invalidName: DWORD = 123
    package static let directoryNotEmpty: DWORD = 145
    package static let badPathName: DWORD = 161
    package static let alreadyExists: DWORD = 183
    package static let environmentVariableNotFound: DWORD = 203
    package static let fileTooLarge: DWORD = 223
    package static let pipeBusy: DWORD = 231
    package static let noData: DWORD = 232
    package static let pipeNotConnected: DWORD = 233
    package static let directory: DWORD = 267
    package static let pipeConnected: DWORD = 535
    package static let operationAborted: DWORD = 995
    package static let ioIncomplete: DWORD = 996
    package static let ioPending: DWORD = 997
    package static let failedServiceControllerConnect: DWORD = 1063
    package static let diskQuotaExceeded: DWORD = 1295
    package static let notSupported: DWORD = 50
    package static let notAllAssigned: DWORD = 1300
    package static let invalidAccountName: DWORD = 1315
    package static let noSuchUser: DWORD = 1317
    package static let noneMapped: DWORD = 1332
    package static let noSuchDomain: DWORD = 1355
}
