#if defined(_WIN32)
#include "windows_process.h"

#ifndef TAT_PARTS
#define TAT_PARTS ""
#endif

const char *shim_win_linked_parts(void) { return TAT_PARTS; }

#endif
