// Facts about the machine.
#ifndef WINDOWS_MACHINE_H
#define WINDOWS_MACHINE_H

#if defined(_WIN32)
#include "windows_base.h"

#endif
#endif
