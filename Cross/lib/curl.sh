# libcurl as a static library that speaks HTTP and HTTPS and nothing else, from the distribution's source package.

CURL_SUITE=trixie

# Sets CURL_FOLDER to an installed libcurl of the target, built first if the cache lacks it.
require_curl() { # sysroot
    local key new
    require_source curl "$CURL_SUITE"
    key=$(key_of "$COMPILER" "$(sha256sum <"$SOURCE_TARBALL")" "$TRIPLE" "$C_FLAGS" "$SYSROOT_SUITE" "$SYSROOT_PACKAGES" \
        "$OPENSSL_FOLDER" -- "$CROSS/lib/curl.sh")
    CURL_FOLDER=$CACHE/curl/$TARGET-$key
    [[ -d $CURL_FOLDER ]] && return
    temporary_folder "$CACHE/curl"
    new=$TEMPORARY
    step "$TARGET: libcurl" build_curl "$1" "$new/build" "$new/installed"
    source_line curl >"$new/installed/origin"
    mv "$new/installed" "$CURL_FOLDER"
}

build_curl() { # sysroot, build folder, destination
    local sysroot=$1 build=$2 destination=$3 name off=()
    mkdir -p "$build"
    tar -C "$build" --strip-components=1 -xf "$SOURCE_TARBALL"
    for name in dict file ftp gopher imap ipfs ldap ldaps mqtt pop3 rtsp smb smtp telnet tftp websockets \
        alt-svc aws cookies dateparse docs doh form-api get-easy-options hsts kerberos-auth libcurl-option manual mime \
        negotiate-auth netrc ntlm progress-meter shared sspi tls-srp; do
        off+=("--disable-$name")
    done
    for name in brotli ca-bundle gssapi libgsasl libidn2 libpsl librtmp libssh libssh2 nghttp2 nghttp3 ngtcp2 \
        zlib zstd; do
        off+=("--without-$name")
    done
    cd "$build"
    defer_openssl lib/vtls/openssl.c
    # shellcheck disable=SC2086
    ./configure --host="$TRIPLE" --prefix=/usr --libdir="/usr/lib/$SYSROOT_MULTIARCH" --enable-static \
        --with-openssl --with-ca-path=/etc/ssl/certs "${off[@]}" \
        CC="$TOOLCHAIN/bin/clang --target=$TRIPLE --sysroot=$sysroot -fuse-ld=lld" \
        AR="$TOOLCHAIN/bin/llvm-ar" RANLIB="$TOOLCHAIN/bin/llvm-ranlib" NM="$TOOLCHAIN/bin/llvm-nm" \
        LDFLAGS=-static CFLAGS="-Os -ffunction-sections -fdata-sections \
            -fno-asynchronous-unwind-tables -ffile-prefix-map=$build=curl $C_FLAGS" \
        PKG_CONFIG=false LIBS="-lssl -lcrypto $LIBRARIES -ldl -lpthread"
    nice -n 19 make -j "${JOBS:-$(nproc)}" -C lib
    make -C lib DESTDIR="$destination" install
    make -C include DESTDIR="$destination" install
}

# libcurl initialises OpenSSL when it is initialised itself: 2 MB of memory that an agent without TLS never needs. OpenSSL
# does it itself at its first use.
defer_openssl() { # source file
    local call='  OPENSSL_init_ssl(flags, NULL);'
    [[ $(grep -cxF "$call" "$1") == 1 ]] ||
        { echo "$1 no longer has the line '$call': update defer_openssl in Cross/lib/curl.sh."; return 1; }
    sed -i "s/^$call\$/  (void)flags;/" "$1"
}
