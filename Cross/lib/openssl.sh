# libcrypto and libssl as static libraries with what TLS 1.2 and 1.3 need and nothing else, from the distribution's
# source package. The distribution's own build is 3 MB larger in an executable, wants zlib and Zstandard, and on 32 bits
# has times that end in 2038.

OPENSSL_SUITE=trixie

# No plug-ins, no configuration file, no old protocols, no algorithms that no TLS server picks.
OPENSSL_OFF=(shared module dso engine comp zlib zstd brotli tests apps docs legacy autoload-config afalgeng uplink
    ui-console dtls sctp ssl3 tls1 tls1_1 nextprotoneg srp psk quic ocsp ts cms cmp ct rfc3779 gost
    aria bf blake2 camellia cast des dsa ec2m idea md4 mdc2 rc2 rc4 rc5 rmd160 scrypt argon2 seed siphash siv
    sm2 sm3 sm4 whirlpool ml-dsa slh-dsa)

# Sets OPENSSL_FOLDER to an installed OpenSSL of the target, built first if the cache lacks it.
require_openssl() { # sysroot
    local key new
    require_source openssl "$OPENSSL_SUITE"
    key=$(key_of "$COMPILER" "$(sha256sum <"$SOURCE_TARBALL")" "$TRIPLE" "$C_FLAGS" "$SYSROOT_SUITE" \
        "$SYSROOT_PACKAGES" "$OPENSSL_TARGET" -- "$CROSS/lib/openssl.sh")
    OPENSSL_FOLDER=$CACHE/openssl/$TARGET-$key
    [[ -d $OPENSSL_FOLDER ]] && return
    temporary_folder "$CACHE/openssl"
    new=$TEMPORARY
    step "$TARGET: OpenSSL" build_openssl "$1" "$SOURCE_TARBALL" "$new/build" "$new/installed"
    source_line openssl >"$new/installed/origin"
    mv "$new/installed" "$OPENSSL_FOLDER"
}

build_openssl() { # sysroot, tarball, build folder, destination
    mkdir -p "$3"
    tar -C "$3" --strip-components=1 -xf "$2"
    cd "$3"
    # OpenSSL keeps its compiler's command line and the time inside: neither may differ from one build to the next.
    # Its assembly asks which instructions the compiler knows. Without an answer it leaves out what is written twice more,
    # for AVX2 and AVX-512: 1 MB that makes gigabytes faster. The AES instructions are used all the same.
    cat >cc <<END
#!/bin/sh
case \$* in -v | *-Wa,-v*) exit 0 ;; esac
exec '$TOOLCHAIN/bin/clang' --target='$TRIPLE' --sysroot='$1' -ffile-prefix-map='$3=openssl' "\$@"
END
    chmod 755 cc
    export SOURCE_DATE_EPOCH=0
    # shellcheck disable=SC2086
    ./Configure "$OPENSSL_TARGET" "${OPENSSL_OFF[@]/#/no-}" --prefix=/usr --libdir="lib/$SYSROOT_MULTIARCH" \
        --openssldir=/etc/ssl CC=./cc AR="$TOOLCHAIN/bin/llvm-ar" RANLIB="$TOOLCHAIN/bin/llvm-ranlib" \
        -Os -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables $C_FLAGS
    nice -n 19 make -j "${JOBS:-$(nproc)}" build_libs
    make DESTDIR="$4" install_dev
    rm -rf "$4/usr/lib/$SYSROOT_MULTIARCH/pkgconfig" "$4/usr/lib/$SYSROOT_MULTIARCH/cmake"
}
