// Facts about the machine and its network.
#ifndef WINDOWS_MACHINE_H
#define WINDOWS_MACHINE_H

#if defined(_WIN32)
#include "windows_base.h"

// MARK: - The system

/// The version without regard to what the program is marked to be compatible with: RtlGetVersion.
static inline bool shim_win_RtlGetVersion(uint32_t *major, uint32_t *minor, uint32_t *build, bool *is_server) {
    typedef LONG(WINAPI * function)(OSVERSIONINFOEXW *);
    function get = (function)(void (*)(void))GetProcAddress(GetModuleHandleW(L"ntdll.dll"), "RtlGetVersion");
    OSVERSIONINFOEXW information;
    memset(&information, 0, sizeof information);
    information.dwOSVersionInfoSize = sizeof information;
    if (!get || get(&information) < 0) return false;
    *major = information.dwMajorVersion;
    *minor = information.dwMinorVersion;
    *build = information.dwBuildNumber;
    *is_server = information.wProductType != VER_NT_WORKSTATION;
    return true;
}

/// The machine's IMAGE_FILE_MACHINE_…, or 0 where only GetNativeSystemInfo tells (before Windows 10 1709).
static inline uint16_t shim_win_IsWow64Process2(void) {
    typedef BOOL(WINAPI * function)(HANDLE, USHORT *, USHORT *);
    function get = (function)(void (*)(void))GetProcAddress(GetModuleHandleW(L"kernel32.dll"), "IsWow64Process2");
    USHORT process = 0, machine = 0;
    return get && get(GetCurrentProcess(), &process, &machine) ? machine : 0;
}

/// PROCESSOR_ARCHITECTURE_… of the machine.
static inline uint16_t shim_win_GetNativeSystemInfo(void) {
    SYSTEM_INFO information;
    GetNativeSystemInfo(&information);
    return information.wProcessorArchitecture;
}

/// `*count` is the room in characters, then the length.
static inline bool shim_win_GetComputerNameEx(WCHAR *buffer, uint32_t *count) {
    return GetComputerNameExW(ComputerNamePhysicalDnsHostname, buffer, (DWORD *)count);
}

/// The NetBIOS name, as above.
static inline bool shim_win_GetComputerName(WCHAR *buffer, uint32_t *count) {
    return GetComputerNameW(buffer, (DWORD *)count);
}

/// The raw SMBIOS data of the firmware: how many bytes, more than `size` where they do not fit; 0 on failure.
static inline uint32_t shim_win_GetSystemFirmwareTable_smbios(void *buffer, uint32_t size) {
    return GetSystemFirmwareTable('RSMB', 0, buffer, size);
}

/// NtQuerySystemInformation: 0 or an NTSTATUS. `class` is SYSTEM_INFORMATION_CLASS.
static inline int32_t shim_win_NtQuerySystemInformation(int class, void *buffer, uint32_t size) {
    typedef LONG(WINAPI * function)(int, void *, ULONG, ULONG *);
    function get = (function)(void (*)(void))GetProcAddress(GetModuleHandleW(L"ntdll.dll"), "NtQuerySystemInformation");
    return get ? get(class, buffer, size, NULL) : -1;
}

// MARK: - The registry, as 64-bit programs see it

/// Reads a value of HKEY_LOCAL_MACHINE, RegGetValueW; `*size` is the room in bytes, then the length. 0 or the error's code.
/// (Since when RegGetValueW has a flag of its own for the view of 64-bit programs is not documented.)
static inline uint32_t shim_win_RegGetValue(
    const WCHAR *key, const WCHAR *name, DWORD type, void *buffer, uint32_t *size) {
    HKEY opened = NULL;
    LSTATUS status = RegOpenKeyExW(HKEY_LOCAL_MACHINE, key, 0, KEY_QUERY_VALUE | KEY_WOW64_64KEY, &opened);
    if (status) return status;
    status = RegGetValueW(opened, NULL, name, type, NULL, buffer, (DWORD *)size);
    RegCloseKey(opened);
    return status;
}

/// Reads a text, ended by NUL.
static inline uint32_t shim_win_RegGetValue_text(
    const WCHAR *key, const WCHAR *name, WCHAR *buffer, uint32_t *size) {
    return shim_win_RegGetValue(key, name, RRF_RT_REG_SZ, buffer, size);
}

/// Reads a number.
static inline uint32_t shim_win_RegGetValue_number(const WCHAR *key, const WCHAR *name, uint32_t *value) {
    uint32_t size = sizeof *value;
    return shim_win_RegGetValue(key, name, RRF_RT_REG_DWORD, value, &size);
}

// MARK: - The network

/// Starts Windows Sockets for this process: 0 or the error's code. Once is enough.
static inline int shim_win_WSAStartup(void) {
    WSADATA data;
    return WSAStartup(MAKEWORD(2, 2), &data);
}

/// Whether the name of a host resolves.
static inline bool shim_win_GetAddrInfo(const WCHAR *name) {
    ADDRINFOW *addresses = NULL;
    if (GetAddrInfoW(name, NULL, NULL, &addresses) != 0) return false;
    FreeAddrInfoW(addresses);
    return true;
}

/// The own address from which datagrams to this one would go; both in the network's order, 0 if there is no way there.
static inline uint32_t shim_win_source_address(uint32_t destination) {
    SOCKADDR_IN address;
    int size = sizeof address;
    SOCKET probe = socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP);
    if (probe == INVALID_SOCKET) return 0;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons(9);
    address.sin_addr.s_addr = destination;
    // Connecting a datagram socket sends nothing.
    if (connect(probe, (SOCKADDR *)&address, size) != 0 || getsockname(probe, (SOCKADDR *)&address, &size) != 0)
        address.sin_addr.s_addr = 0;
    closesocket(probe);
    return address.sin_addr.s_addr;
}

#endif
#endif
