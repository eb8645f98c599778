#if defined(_WIN32)
#include "windows_logon.h"

struct shim_win_logon shim_win_logon;

#define FUNCTION(name)                                                                                                 \
    if (!(*(FARPROC *)&shim_win_logon.name = GetProcAddress(module, #name))) return GetLastError();

uint32_t shim_win_logon_load(void) {
    HMODULE module = LoadLibraryExW(L"secur32.dll", NULL, LOAD_LIBRARY_SEARCH_SYSTEM32);
    if (!module) return GetLastError();
    FUNCTION(LsaRegisterLogonProcess)
    FUNCTION(LsaLookupAuthenticationPackage)
    FUNCTION(LsaLogonUser)
    FUNCTION(LsaFreeReturnBuffer)
    FUNCTION(LsaDeregisterLogonProcess)
    FUNCTION(TranslateNameW)
    module = LoadLibraryExW(L"userenv.dll", NULL, LOAD_LIBRARY_SEARCH_SYSTEM32);
    if (!module) return GetLastError();
    FUNCTION(LoadUserProfileW)
    FUNCTION(UnloadUserProfile)
    FUNCTION(CreateEnvironmentBlock)
    FUNCTION(DestroyEnvironmentBlock)
    FUNCTION(GetUserProfileDirectoryW)
    return 0;
}
#endif
