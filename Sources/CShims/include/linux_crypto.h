// OpenSSL's libcrypto, loaded when it is first needed; of version 3 or 1.1, whose types are opaque either way.
#ifndef LINUX_CRYPTO_H
#define LINUX_CRYPTO_H

#if defined(__linux__)

#include <stddef.h>

// Result, name, parameters; as in <openssl/evp.h>, <openssl/hmac.h>, <openssl/sha.h>, <openssl/crypto.h>
// and <openssl/err.h>.
#define SHIM_CRYPTO_FUNCTIONS(X) \
    X(int, SHA1_Init, (void *context)) \
    X(int, SHA1_Update, (void *context, const void *bytes, size_t count)) \
    X(int, SHA1_Final, (unsigned char *digest, void *context)) \
    X(const void *, EVP_sha1, (void)) \
    X(unsigned char *, HMAC, \
      (const void *type, const void *key, int key_count, const unsigned char *bytes, size_t count, \
       unsigned char *digest, unsigned int *size)) \
    X(void *, EVP_PKEY_CTX_new_id, (int type, void *engine)) \
    X(void *, EVP_PKEY_CTX_new, (void *key, void *engine)) \
    X(void, EVP_PKEY_CTX_free, (void *context)) \
    X(int, EVP_PKEY_CTX_ctrl, (void *context, int type, int operation, int command, int number, void *pointer)) \
    X(int, EVP_PKEY_keygen_init, (void *context)) \
    X(int, EVP_PKEY_keygen, (void *context, void **key)) \
    X(int, EVP_PKEY_sign_init, (void *context)) \
    X(int, EVP_PKEY_sign, \
      (void *context, unsigned char *signature, size_t *size, const unsigned char *bytes, size_t count)) \
    X(void, EVP_PKEY_free, (void *key)) \
    X(int, i2d_PrivateKey, (const void *key, unsigned char **output)) \
    X(int, i2d_PublicKey, (const void *key, unsigned char **output)) \
    X(void *, d2i_PrivateKey, (int type, void **key, const unsigned char **input, long count)) \
    X(const char *, OpenSSL_version, (int what)) \
    X(unsigned long, ERR_get_error, (void)) \
    X(void, ERR_clear_error, (void)) \
    X(void, ERR_error_string_n, (unsigned long error, char *text, size_t size))

/// The functions of libcrypto.
struct shim_crypto {
#define X(result, name, parameters) result(*name) parameters;
    SHIM_CRYPTO_FUNCTIONS(X)
#undef X
};

/// The size of a SHA_CTX, in bytes.
extern const size_t shim_crypto_sha1_context;
/// The size of a SHA-1 digest, in bytes.
extern const size_t shim_crypto_sha1_size;
/// EVP_PKEY_RSA.
extern const int shim_crypto_rsa;
/// EVP_PKEY_CTRL_RSA_KEYGEN_BITS.
extern const int shim_crypto_rsa_keygen_bits;

/// Loads libcrypto: its functions, or NULL and in `error` why it cannot be loaded. To be called once.
const struct shim_crypto *shim_crypto_load(const char **error);

#endif
#endif
