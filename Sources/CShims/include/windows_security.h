// Accounts, tokens, access control lists, the event log.
#ifndef WINDOWS_SECURITY_H
#define WINDOWS_SECURITY_H

#if defined(_WIN32)
#include "windows_base.h"

#endif
#endif
