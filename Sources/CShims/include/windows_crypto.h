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

// All of these return 0 or an NTSTATUS. Handles are void * here.

/// SHA-1, or with `keyed` HMAC-SHA1.
static inline int32_t shim_win_BCryptOpenAlgorithmProvider_sha1(void **algorithm, bool keyed) {
    return (int32_t)BCryptOpenAlgorithmProvider(
        (BCRYPT_ALG_HANDLE *)algorithm, BCRYPT_SHA1_ALGORITHM, NULL, keyed ? BCRYPT_ALG_HANDLE_HMAC_FLAG : 0);
}

static inline int32_t shim_win_BCryptOpenAlgorithmProvider_rsa(void **algorithm) {
    return (int32_t)BCryptOpenAlgorithmProvider((BCRYPT_ALG_HANDLE *)algorithm, BCRYPT_RSA_ALGORITHM, NULL, 0);
}

static inline void shim_win_BCryptCloseAlgorithmProvider(void *algorithm) {
    BCryptCloseAlgorithmProvider((BCRYPT_ALG_HANDLE)algorithm, 0);
}

static inline int32_t shim_win_BCryptCreateHash(void *algorithm, void **hash, const void *key, uint32_t count) {
    return (int32_t)BCryptCreateHash(
        (BCRYPT_ALG_HANDLE)algorithm, (BCRYPT_HASH_HANDLE *)hash, NULL, 0, (PUCHAR)key, count, 0);
}

static inline int32_t shim_win_BCryptHashData(void *hash, const void *bytes, uint32_t count) {
    return (int32_t)BCryptHashData((BCRYPT_HASH_HANDLE)hash, (PUCHAR)bytes, count, 0);
}

static inline int32_t shim_win_BCryptFinishHash(void *hash, void *digest, uint32_t count) {
    return (int32_t)BCryptFinishHash((BCRYPT_HASH_HANDLE)hash, (PUCHAR)digest, count, 0);
}

static inline void shim_win_BCryptDestroyHash(void *hash) { BCryptDestroyHash((BCRYPT_HASH_HANDLE)hash); }

/// A new key pair, whole.
static inline int32_t shim_win_BCryptGenerateKeyPair(void *algorithm, void **key, uint32_t bits) {
    NTSTATUS status = BCryptGenerateKeyPair((BCRYPT_ALG_HANDLE)algorithm, (BCRYPT_KEY_HANDLE *)key, bits, 0);
    return (int32_t)(status < 0 ? status : BCryptFinalizeKeyPair((BCRYPT_KEY_HANDLE)*key, 0));
}

/// Takes a BCRYPT_RSAPRIVATE_BLOB.
static inline int32_t shim_win_BCryptImportKeyPair_private(
    void *algorithm, void **key, const void *blob, uint32_t count) {
    return (int32_t)BCryptImportKeyPair(
        (BCRYPT_ALG_HANDLE)algorithm, NULL, BCRYPT_RSAPRIVATE_BLOB, (BCRYPT_KEY_HANDLE *)key, (PUCHAR)blob, count, 0);
}

/// Gives a BCRYPT_RSAFULLPRIVATE_BLOB: `*count` is the room, then the length.
static inline int32_t shim_win_BCryptExportKey_private(void *key, void *blob, uint32_t *count) {
    return (int32_t)BCryptExportKey(
        (BCRYPT_KEY_HANDLE)key, NULL, BCRYPT_RSAFULLPRIVATE_BLOB, (PUCHAR)blob, *count, (ULONG *)count, 0);
}

/// Signs a SHA-1 digest by PKCS#1 v1.5: `*count` is the room, then the length.
static inline int32_t shim_win_BCryptSignHash_sha1(
    void *key, const void *digest, uint32_t length, void *signature, uint32_t *count) {
    BCRYPT_PKCS1_PADDING_INFO padding = {BCRYPT_SHA1_ALGORITHM};
    return (int32_t)BCryptSignHash(
        (BCRYPT_KEY_HANDLE)key, &padding, (PUCHAR)digest, length, (PUCHAR)signature, *count, (ULONG *)count,
        BCRYPT_PAD_PKCS1);
}

static inline void shim_win_BCryptDestroyKey(void *key) { BCryptDestroyKey((BCRYPT_KEY_HANDLE)key); }

#endif
#endif
