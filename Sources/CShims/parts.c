#include "parts.h"

#if defined(TAT_PARTS)
const char *shim_linked_parts(void) { return TAT_PARTS; }
#else
const char *shim_linked_parts(void) { return ""; }
#endif
