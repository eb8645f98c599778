# Builds the standard library and Concurrency of a target, and installs them into a folder.

configure_runtime() { # build folder, install folder, sysroot
    local c_flags="$C_FLAGS -ffile-prefix-map=$SWIFT_TREE=swift -w"
    local swift_flags="-sdk $3 -file-prefix-map $SWIFT_TREE=swift -suppress-warnings"
    local flag
    # shellcheck disable=SC2086
    for flag in $C_FLAGS $SWIFT_C_FLAGS; do swift_flags+=" -Xcc $flag"; done
    "$CMAKE" -G Ninja -S "$SWIFT_TREE/swift/Runtimes/Core" -B "$1" \
        -DCMAKE_MAKE_PROGRAM="$NINJA" -DCMAKE_INSTALL_PREFIX="$2" -DCMAKE_INSTALL_LIBDIR=lib \
        -DCMAKE_SYSTEM_NAME="$CMAKE_SYSTEM" -DCMAKE_SYSTEM_PROCESSOR="$CMAKE_PROCESSOR" -DCMAKE_SYSROOT="$3" \
        -DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY \
        -DCMAKE_C_COMPILER="$TOOLCHAIN/bin/clang" -DCMAKE_C_COMPILER_TARGET="$TRIPLE" -DCMAKE_C_COMPILER_WORKS=YES \
        -DCMAKE_CXX_COMPILER="$TOOLCHAIN/bin/clang++" -DCMAKE_CXX_COMPILER_TARGET="$TRIPLE" \
        -DCMAKE_CXX_COMPILER_WORKS=YES \
        -DCMAKE_Swift_COMPILER="$TOOLCHAIN/bin/swiftc" -DCMAKE_Swift_COMPILER_TARGET="$TRIPLE" \
        -DCMAKE_Swift_COMPILER_WORKS=YES \
        -DCMAKE_AR="$TOOLCHAIN/bin/llvm-ar" -DCMAKE_RANLIB="$TOOLCHAIN/bin/llvm-ranlib" \
        -DCMAKE_C_FLAGS="$c_flags" -DCMAKE_CXX_FLAGS="$c_flags $CXX_FLAGS" -DCMAKE_Swift_FLAGS="$swift_flags" \
        -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=NO \
        -DSwiftCore_SIZEOF_POINTER="$POINTER" -DSwiftCore_ENABLE_CONCURRENCY=YES \
        -DSwiftCore_CONCURRENCY_GLOBAL_EXECUTOR=singlethreaded -DSwiftCore_ENABLE_COMMANDLINE_SUPPORT=ON \
        -DSwiftCore_ENABLE_ONONESUPPORT=NO -DSwiftCore_ENABLE_PRESPECIALIZATION=OFF \
        -DSwiftCore_ENABLE_REFLECTION=YES
}

build_runtime() { # build folder
    nice -n 19 "$NINJA" -C "$1" -j "${JOBS:-$(nproc)}"
}

install_runtime() { # build folder
    "$CMAKE" --install "$1"
}

# Sets RUNTIME_FOLDER to the installed runtime of the target, built first if the cache lacks it. It is kept apart from
# the SDK, for it takes longest and depends on little: the sources, the compiler, and the flags below.
require_runtime() { # sysroot
    local key new
    require_cmake
    require_swift_source
    key=$(key_of "$COMPILER" "${SWIFT_TREE##*/}" "$TRIPLE" "$POINTER" "$C_FLAGS" "$SWIFT_C_FLAGS" "$CXX_FLAGS" \
        "$SYSROOT_SUITE" "$SYSROOT_PACKAGES" -- "$CROSS/lib/runtime.sh")
    RUNTIME_FOLDER=$CACHE/runtime/$TARGET-$key
    [[ -d $RUNTIME_FOLDER ]] && return
    temporary_folder "$CACHE/runtime"
    new=$TEMPORARY
    step "$TARGET: runtime, configure" configure_runtime "$new/build" "$new/installed" "$1"
    step "$TARGET: runtime, build" build_runtime "$new/build"
    step "$TARGET: runtime, install" install_runtime "$new/build"
    printf 'swift-runtime %s\n' "$SWIFT_ORIGIN" >"$new/installed/origin"
    mv "$new/installed" "$RUNTIME_FOLDER"
}
