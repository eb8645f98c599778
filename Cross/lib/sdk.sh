# The SDK of a target: out of the cache, or built.

# What an SDK is made by, and what only serves that.
SDK_PARTS=(mirror.sh swift_source.sh sysroot.sh third_party.sh openssl.sh curl.sh runtime.sh bundle.sh swift_build.sh
    smoke.sh)
for part in log.sh cache.sh host.sh wine.sh "${SDK_PARTS[@]}"; do
    # shellcheck source=/dev/null
    . "$CROSS/lib/$part"
done

# Sets TARGETS to the names of all.
all_targets() {
    mapfile -t TARGETS < <(cd "$CROSS/targets" && printf '%s\n' *.sh | sed 's/\.sh$//')
}

# Reads the target's file.
require_target() { # name
    TARGET=$1
    [[ $TARGET && -f $CROSS/targets/$TARGET.sh ]] ||
        die "say which target: one of $(cd "$CROSS/targets" && printf '%s ' *.sh | sed 's/\.sh//g')"
    SWIFT_C_FLAGS='' IMPORT_FLAGS='' CXX_FLAGS='' C_FLAGS='' LIBRARIES='' RUN=''
    # shellcheck source=/dev/null
    . "$CROSS/targets/$TARGET.sh"
}

# What decides whether a cached SDK is the one that this recipe would build.
sdk_key() {
    local files
    mapfile -t files < <(find "$CROSS/smoke" "$CROSS/windows" -type f | sort)
    files+=("$CROSS/targets/$TARGET.sh" "$CROSS"/lib/{sdk.sh,edit_runtime.py} "${SDK_PARTS[@]/#/$CROSS/lib/}")
    key_of "$COMPILER" "$TOOLCHAIN" "${SWIFT_SOURCE:-}" -- "${files[@]}"
}

# Sets BUNDLE to the folder of the target's SDK bundle, built first if it has to be.
require_sdk() {
    local home new
    require_host
    home=$CACHE/sdk/$(sdk_key)
    BUNDLE=$home/$(sdk_name).artifactbundle
    [[ -d $home ]] && return
    lock_cache "sdk-$TARGET"
    [[ -d $home ]] && return
    need_space 3000
    require_packages "$CROSS/packages.host"
    temporary_folder "$CACHE/sdk"
    new=$TEMPORARY
    note "the SDK for $TARGET (logs: $LOGS)"
    build_sdk "$new/$(sdk_name).artifactbundle"
    mv "$new" "$home"
}

build_sdk() { # bundle folder
    local sdk=$1/$TARGET
    mkdir -p "$sdk"
    step "$TARGET: sysroot" make_sysroot "$sdk/sysroot"
    mv "$sdk/sysroot.packages" "$sdk/parts"
    if [[ $RUNTIME == build ]]; then
        require_runtime "$sdk/sysroot"
        step "$TARGET: resources" write_resources "$sdk" "$RUNTIME_FOLDER"
        cat "$RUNTIME_FOLDER/origin" >>"$sdk/parts"
    else
        step "$TARGET: resources" link_toolchain_resources "$sdk"
        printf 'swift-runtime %s toolchain\n' "$(swift_version)" >>"$sdk/parts"
    fi
    if [[ $PLATFORM == linux ]]; then
        # curl is built against the OpenSSL that lies in the sysroot by then.
        require_openssl "$sdk/sysroot"
        cp -a "$OPENSSL_FOLDER/usr" "$sdk/sysroot/"
        require_curl "$sdk/sysroot"
        cp -a "$CURL_FOLDER/usr" "$sdk/sysroot/"
        cat "$OPENSSL_FOLDER/origin" "$CURL_FOLDER/origin" >>"$sdk/parts"
    fi
    step "$TARGET: bundle" write_bundle "$1"
    temporary_folder "$CACHE/smoke"
    step "$TARGET: smoke program" smoke_test "$1" "$TEMPORARY"
}
