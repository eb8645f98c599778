// The C that Swift cannot express: variadic calls, macros, and the child between fork and exec.
#ifndef CSHIMS_H
#define CSHIMS_H

#if defined(__linux__)
#include "linux_crypto.h"
#include "linux_curl.h"
#include "linux_child.h"
#include "linux_gnu.h"
#include "linux_libc.h"
#endif

#endif
