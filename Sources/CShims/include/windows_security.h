// Accounts, tokens, access control lists, the event log.
#ifndef WINDOWS_SECURITY_H
#define WINDOWS_SECURITY_H

#if defined(_WIN32)
#include "windows_base.h"

#include <aclapi.h>
#include <ntsecapi.h>
#include <sddl.h>

// MARK: - Identifiers of accounts

/// The SID as text, S-1-…; to be freed by LocalFree. NULL on failure.
static inline WCHAR *shim_win_ConvertSidToStringSid(void *sid) {
    WCHAR *text = NULL;
    return ConvertSidToStringSidW(sid, &text) ? text : NULL;
}

/// The SID of a text; to be freed by LocalFree. NULL on failure.
static inline void *shim_win_ConvertStringSidToSid(const WCHAR *text) {
    PSID sid = NULL;
    return ConvertStringSidToSidW(text, &sid) ? sid : NULL;
}

/// `use` is SID_NAME_USE. The sizes are the room, then what is needed: of the SID in bytes, of the domain in characters.
static inline bool shim_win_LookupAccountName(
    const WCHAR *name, void *sid, uint32_t *sid_size, WCHAR *domain, uint32_t *domain_size, int *use) {
    SID_NAME_USE kind = SidTypeUnknown;
    BOOL found = LookupAccountNameW(NULL, name, sid, (DWORD *)sid_size, domain, (DWORD *)domain_size, &kind);
    *use = kind;
    return found;
}

/// As above, the other way; sizes in characters.
static inline bool shim_win_LookupAccountSid(
    void *sid, WCHAR *name, uint32_t *name_size, WCHAR *domain, uint32_t *domain_size, int *use) {
    SID_NAME_USE kind = SidTypeUnknown;
    BOOL found = LookupAccountSidW(NULL, sid, name, (DWORD *)name_size, domain, (DWORD *)domain_size, &kind);
    *use = kind;
    return found;
}

/// The error of Windows for an NTSTATUS; 317 where there is none.
static inline uint32_t shim_win_LsaNtStatusToWinError(int32_t status) { return LsaNtStatusToWinError(status); }

// MARK: - Tokens

/// The token of this process, to be closed; NULL on failure.
static inline HANDLE shim_win_OpenProcessToken(uint32_t access) {
    HANDLE token = NULL;
    return OpenProcessToken(GetCurrentProcess(), access, &token) ? token : NULL;
}

/// `what` is TOKEN_INFORMATION_CLASS; `*size` is the room in bytes, then what is needed.
static inline bool shim_win_GetTokenInformation(HANDLE token, int what, void *buffer, uint32_t *size) {
    return GetTokenInformation(token, (TOKEN_INFORMATION_CLASS)what, buffer, *size, (DWORD *)size);
}

/// The SID in what GetTokenInformation gives for TokenUser.
static inline void *shim_win_token_user(const void *information) { return ((const TOKEN_USER *)information)->User.Sid; }

static inline bool shim_win_LookupPrivilegeValue(const WCHAR *name, LUID *value) {
    return LookupPrivilegeValueW(NULL, name, value);
}

/// Sets the attributes of one privilege; `*before` gets those it had. The last error tells whether the token has it.
static inline bool shim_win_AdjustTokenPrivileges(HANDLE token, LUID value, uint32_t attributes, uint32_t *before) {
    TOKEN_PRIVILEGES wanted, previous;
    DWORD size = sizeof previous;
    wanted.PrivilegeCount = 1;
    wanted.Privileges[0].Luid = value;
    wanted.Privileges[0].Attributes = attributes;
    memset(&previous, 0, sizeof previous);
    BOOL done = AdjustTokenPrivileges(token, FALSE, &wanted, sizeof previous, &previous, &size);
    // None is told where nothing changed.
    *before = previous.PrivilegeCount ? previous.Privileges[0].Attributes : attributes;
    return done;
}

/// A primary token with all the rights that the given one has; NULL on failure.
static inline HANDLE shim_win_DuplicateTokenEx_primary(HANDLE token) {
    HANDLE primary = NULL;
    return DuplicateTokenEx(token, MAXIMUM_ALLOWED, NULL, SecurityImpersonation, TokenPrimary, &primary) ? primary : NULL;
}

// MARK: - Access control

/// The security descriptor of a text in SDDL; to be freed by LocalFree. NULL on failure.
static inline void *shim_win_ConvertStringSecurityDescriptorToSecurityDescriptor(const WCHAR *text) {
    PSECURITY_DESCRIPTOR descriptor = NULL;
    return ConvertStringSecurityDescriptorToSecurityDescriptorW(text, SDDL_REVISION_1, &descriptor, NULL) ? descriptor
                                                                                                         : NULL;
}

/// The access control list in SDDL of what `path` names; to be freed by LocalFree. NULL on failure.
static inline WCHAR *shim_win_file_access(const WCHAR *path) {
    PSECURITY_DESCRIPTOR descriptor = NULL;
    WCHAR *text = NULL;
    uint32_t code = GetNamedSecurityInfoW(
        (WCHAR *)path, SE_FILE_OBJECT, DACL_SECURITY_INFORMATION, NULL, NULL, NULL, NULL, &descriptor);
    if (code) {
        SetLastError(code);
        return NULL;
    }
    if (!ConvertSecurityDescriptorToStringSecurityDescriptorW(
            descriptor, SDDL_REVISION_1, DACL_SECURITY_INFORMATION, &text, NULL))
        text = NULL;
    LocalFree(descriptor);
    return text;
}

/// Replaces the access control list of a file or folder; it takes nothing over from the folder above.
static inline bool shim_win_SetFileSecurity_protected(const WCHAR *path, void *descriptor) {
    return SetFileSecurityW(path, DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION, descriptor);
}

// MARK: - The event log

static inline HANDLE shim_win_RegisterEventSource(const WCHAR *source) { return RegisterEventSourceW(NULL, source); }
static inline bool shim_win_DeregisterEventSource(HANDLE source) { return DeregisterEventSource(source); }

/// `type` is EVENTLOG_…_TYPE. The text is the event's only string.
static inline bool shim_win_ReportEvent(HANDLE source, uint16_t type, uint32_t event, const WCHAR *text) {
    return ReportEventW(source, type, 0, event, NULL, 1, 0, &text, NULL);
}

#endif
#endif
