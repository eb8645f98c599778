// Becoming another user: the local security authority, and profiles. The DLLs for that are loaded by shim_win_logon_load,
// so that processes which stay who they are do without them; nothing else here may be called before that has succeeded.
#ifndef WINDOWS_LOGON_H
#define WINDOWS_LOGON_H

#if defined(_WIN32)
#include "windows_base.h"

#ifndef SECURITY_WIN32
#define SECURITY_WIN32
#endif
#include <ntsecapi.h>
#include <secext.h>
#include <userenv.h>

/// The functions of secur32.dll and userenv.dll.
struct shim_win_logon {
    __typeof__(&LsaRegisterLogonProcess) LsaRegisterLogonProcess;
    __typeof__(&LsaLookupAuthenticationPackage) LsaLookupAuthenticationPackage;
    __typeof__(&LsaLogonUser) LsaLogonUser;
    __typeof__(&LsaFreeReturnBuffer) LsaFreeReturnBuffer;
    __typeof__(&LsaDeregisterLogonProcess) LsaDeregisterLogonProcess;
    __typeof__(&TranslateNameW) TranslateNameW;
    __typeof__(&LoadUserProfileW) LoadUserProfileW;
    __typeof__(&UnloadUserProfile) UnloadUserProfile;
    __typeof__(&CreateEnvironmentBlock) CreateEnvironmentBlock;
    __typeof__(&DestroyEnvironmentBlock) DestroyEnvironmentBlock;
    __typeof__(&GetUserProfileDirectoryW) GetUserProfileDirectoryW;
};

extern struct shim_win_logon shim_win_logon;

/// Loads the DLLs from the system's folder; 0 or the error's code. To be called once.
uint32_t shim_win_logon_load(void);

static inline LSA_STRING shim_win_lsa_string(const char *text) {
    LSA_STRING string;
    string.Length = (USHORT)strlen(text);
    string.MaximumLength = string.Length + 1;
    string.Buffer = (char *)text;
    return string;
}

// MARK: - The local security authority: these return 0 or an NTSTATUS

static inline int32_t shim_win_LsaRegisterLogonProcess(const char *name, HANDLE *authority) {
    LSA_STRING process = shim_win_lsa_string(name);
    LSA_OPERATIONAL_MODE mode = 0;
    return (int32_t)shim_win_logon.LsaRegisterLogonProcess(&process, authority, &mode);
}

static inline int32_t shim_win_LsaLookupAuthenticationPackage(HANDLE authority, const char *name, uint32_t *package) {
    LSA_STRING text = shim_win_lsa_string(name);
    ULONG number = 0;
    NTSTATUS status = shim_win_logon.LsaLookupAuthenticationPackage(authority, &text, &number);
    *package = number;
    return (int32_t)status;
}

/// A network logon. `source` has at most 8 characters.
static inline int32_t shim_win_LsaLogonUser_network(
    HANDLE authority, const char *source, uint32_t package, void *information, uint32_t size, HANDLE *token,
    int32_t *substatus) {
    LSA_STRING origin = shim_win_lsa_string(source);
    TOKEN_SOURCE context;
    QUOTA_LIMITS quotas;
    LUID logon;
    void *profile = NULL;
    ULONG profile_size = 0;
    NTSTATUS detail = 0;
    memset(&context, 0, sizeof context);
    memcpy(context.SourceName, source, strnlen(source, sizeof context.SourceName));
    AllocateLocallyUniqueId(&context.SourceIdentifier);
    NTSTATUS status = shim_win_logon.LsaLogonUser(
        authority, &origin, Network, package, information, size, NULL, &context, &profile, &profile_size, &logon, token,
        &quotas, &detail);
    if (profile) shim_win_logon.LsaFreeReturnBuffer(profile);
    *substatus = (int32_t)detail;
    return (int32_t)status;
}

/// How large MSV1_0_S4U_LOGON is, with padding and without the texts.
static inline size_t shim_win_s4u_logon_size(void) { return sizeof(MSV1_0_S4U_LOGON); }

static inline void shim_win_LsaDeregisterLogonProcess(HANDLE authority) {
    shim_win_logon.LsaDeregisterLogonProcess(authority);
}

/// The user principal name of DOMAIN\user: `*count` is the room in characters, then what is needed.
static inline bool shim_win_TranslateName_principal(const WCHAR *name, WCHAR *buffer, uint32_t *count) {
    ULONG size = *count;
    BOOL done = shim_win_logon.TranslateNameW(name, NameSamCompatible, NameUserPrincipal, buffer, &size);
    *count = size;
    return done;
}

// MARK: - Profiles

/// `*profile` gets the user's part of the registry, for UnloadUserProfile.
static inline bool shim_win_LoadUserProfile(HANDLE token, const WCHAR *user, HANDLE *profile) {
    PROFILEINFOW information;
    memset(&information, 0, sizeof information);
    information.dwSize = sizeof information;
    information.dwFlags = PI_NOUI;
    information.lpUserName = (WCHAR *)user;
    BOOL done = shim_win_logon.LoadUserProfileW(token, &information);
    *profile = information.hProfile;
    return done;
}

static inline bool shim_win_UnloadUserProfile(HANDLE token, HANDLE profile) {
    return shim_win_logon.UnloadUserProfile(token, profile);
}

/// The environment of a user, without this process' own: NAME=VALUE, each ended by NUL, and one more NUL. NULL on failure.
static inline WCHAR *shim_win_CreateEnvironmentBlock(HANDLE token) {
    void *block = NULL;
    return shim_win_logon.CreateEnvironmentBlock(&block, token, FALSE) ? (WCHAR *)block : NULL;
}

static inline bool shim_win_DestroyEnvironmentBlock(WCHAR *block) {
    return shim_win_logon.DestroyEnvironmentBlock(block);
}

/// `*count` is the room in characters, then what is needed.
static inline bool shim_win_GetUserProfileDirectory(HANDLE token, WCHAR *buffer, uint32_t *count) {
    return shim_win_logon.GetUserProfileDirectoryW(token, buffer, (DWORD *)count);
}

#endif
#endif
