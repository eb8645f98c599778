// The C that Swift cannot express: variadic calls, macros, the child between fork and exec; on Windows, every call of
// the system.
#ifndef CSHIMS_H
#define CSHIMS_H

#include "parts.h"

// Each is empty for other systems than its own.
#include "linux_crypto.h"
#include "linux_curl.h"
#include "linux_child.h"
#include "linux_gnu.h"
#include "linux_libc.h"
#include "windows_base.h"
#include "windows_crypto.h"
#include "windows_file.h"
#include "windows_http.h"
#include "windows_logon.h"
#include "windows_loop.h"
#include "windows_machine.h"
#include "windows_process.h"
#include "windows_security.h"
#include "windows_service.h"

#endif
