// Cryptography: CNG (bcrypt.h), random numbers.
#ifndef WINDOWS_CRYPTO_H
#define WINDOWS_CRYPTO_H

#if defined(_WIN32)
#include "windows_base.h"
#include <bcrypt.h>

/// Fills the buffer with random bytes of the system's generator. 0 or an NTSTATUS.
static inline int32_t shim_win_BCryptGenRandom(void *buffer, ULONG count) {
    return (int32_t)BCryptGenRandom(NULL, (PUCHAR)buffer, count, BCRYPT_USE_SYSTEM_PREFERRED_RNG);
}

#endif
#endif
