#ifndef CSMOKE_H
#define CSMOKE_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#if defined(_WIN32)
#include <windows.h>

// Swift calls with the C convention and Windows has another one on i686: each call goes through a function such as this.
static inline unsigned long smoke_process(void) { return GetCurrentProcessId(); }
#else
#include <unistd.h>

static inline unsigned long smoke_process(void) { return (unsigned long)getpid(); }
_Static_assert(sizeof(off_t) == 8, "file offsets have 64 bits");
_Static_assert(sizeof(time_t) == 8, "times have 64 bits");
#endif

/// The width of a pointer, as C sees it.
int smoke_pointer_bits(void);

#endif
