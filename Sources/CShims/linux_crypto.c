#if defined(__linux__)
// SHA1_Init and its like.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "linux_crypto.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

const size_t shim_crypto_sha1_context = sizeof(SHA_CTX);
const size_t shim_crypto_sha1_size = SHA_DIGEST_LENGTH;
const int shim_crypto_rsa = EVP_PKEY_RSA;
const int shim_crypto_rsa_keygen_bits = EVP_PKEY_CTRL_RSA_KEYGEN_BITS;

static struct shim_crypto functions;

#if defined(TAT_STATIC_LIBRARIES)

const struct shim_crypto *shim_crypto_load(const char **error) {
    *error = NULL;
#define X(result, name, parameters) functions.name = (result(*) parameters)name;
    SHIM_CRYPTO_FUNCTIONS(X)
#undef X
    return &functions;
}

#else

#include <dlfcn.h>

const struct shim_crypto *shim_crypto_load(const char **error) {
    void *library = dlopen("libcrypto.so.3", RTLD_LAZY | RTLD_LOCAL);
    if (!library) library = dlopen("libcrypto.so.1.1", RTLD_LAZY | RTLD_LOCAL);
    if (!library) goto failed;
#define X(result, name, parameters) \
    if (!(functions.name = (result(*) parameters)dlsym(library, #name))) goto failed;
    SHIM_CRYPTO_FUNCTIONS(X)
#undef X
    return &functions;
failed:
    *error = dlerror();
    return NULL;
}

#endif
#endif
