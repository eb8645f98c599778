// What the Swift runtime imports from Windows 10's system libraries, in terms of what older ones have: the pointers that
// the linker would otherwise fill from an import library.
#include <locale.h>
#include <stdlib.h>
#include <windows.h>

#if defined(__i386__)
// The decorated names: an underscore for C, and the bytes of arguments for stdcall.
#define IMPORT_C(name) __asm__("__imp__" name)
#define IMPORT_STDCALL(name, bytes) __asm__("__imp__" name "@" bytes)
#else
#define IMPORT_C(name) __asm__("__imp_" name)
#define IMPORT_STDCALL(name, bytes) __asm__("__imp_" name)
#endif

// The runtime asks for the C locale only.
static float __cdecl float_of_text(const char *text, char **end, _locale_t locale) {
    (void)locale;
    return strtof(text, end);
}

// Both in units of 100 ns.
static void WINAPI time_since_boot(PULONGLONG time) { *time = GetTickCount64() * 10000; }

static void WINAPI time_awake(PULONGLONG time) {
    if (!QueryUnbiasedInterruptTime(time)) time_since_boot(time);
}

const void *const import_strtof IMPORT_C("_strtof_l") = (const void *)float_of_text;
const void *const import_interrupt_time IMPORT_STDCALL("QueryInterruptTimePrecise", "4") = (const void *)time_since_boot;
const void *const import_unbiased_time IMPORT_STDCALL("QueryUnbiasedInterruptTimePrecise", "4") =
    (const void *)time_awake;
