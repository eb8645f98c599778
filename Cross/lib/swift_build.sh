# Builds a product of a package with an SDK bundle.

# The executable is then where swift_product says.
swift_build() { # package folder, folder of bundles, scratch folder, product, further arguments...
    local package=$1 bundles=$2 scratch=$3 product=$4 what=(--product "$4" --static-swift-stdlib -Xswiftc -static-executable)
    shift 4
    # The driver links for this platform in Visual C++'s way: SwiftPM compiles, and link_windows does the rest.
    if [[ $PLATFORM == windows ]]; then what=(--target "$product"); fi
    nice -n 19 swift build --package-path "$package" --scratch-path "$scratch" -c release "${what[@]}" \
        --swift-sdks-path "$bundles" --swift-sdk "$(sdk_name)" --disable-sandbox --jobs "${JOBS:-$(nproc)}" "$@"
    if [[ $PLATFORM == windows ]]; then
        link_windows "$bundles/$(sdk_name).artifactbundle/$TARGET" "$scratch/$TRIPLE/release" "$product"
    fi
}

swift_product() { # scratch folder, product
    printf '%s\n' "$1/$TRIPLE/release/$2$SUFFIX"
}

link_windows() { # sdk folder, folder of the build, product
    local objects=() object
    while IFS= read -r object; do objects+=("$object"); done < <(find "$2" -path '*.build/*' -name '*.o' | sort)
    # shellcheck disable=SC2086
    "$TOOLCHAIN/bin/clang++" -target "$TRIPLE" --sysroot="$1/sysroot" -fuse-ld=lld -static -Os \
        -DENTRY="$3_main" -x c "$CROSS/windows/entry.c" "$CROSS/windows/imports.c" -x none \
        "${objects[@]}" "$1/resources/$SWIFT_PLATFORM/$ARCHITECTURE/swiftrtT.obj" \
        -L "$1/resources/$SWIFT_PLATFORM" -Wl,--start-group -lswift_Concurrency -lswiftCore -lswiftCommandLineSupport \
        -Wl,--end-group $LIBRARIES -Wl,--gc-sections -Wl,--no-insert-timestamp -o "$2/$3$SUFFIX"
}
