# A product of this package for a target, with the libraries of its SDK inside.

PACKAGE=${PACKAGE:-$(dirname "$CROSS")}

# What the product calls of Windows, besides what the runtime does.
WINDOWS_LIBRARIES='-ladvapi32 -lws2_32 -lbcrypt -lpsapi'

output_folder() { printf '%s\n' "${CROSS_OUTPUT:-$PACKAGE/.build/cross}/$TARGET"; }

build_product() { # product
    local output scratch flags=() flag
    output=$(output_folder)
    scratch=$output/scratch
    # Paths of this machine stay out of the executable, so that it does not depend on where it was built.
    for flag in "$scratch=build" "$PACKAGE=." "$BUNDLE=sdk" "$TOOLCHAIN=toolchain"; do
        flags+=(-Xswiftc -file-prefix-map -Xswiftc "$flag" -Xcc "-ffile-prefix-map=$flag")
    done
    flags+=(-Xswiftc -Xfrontend -Xswiftc -no-clang-module-breadcrumbs)
    # The agent waits most of the time: less code in memory is worth more than faster code.
    flags+=(-Xswiftc -Osize)
    flags+=(-Xcc "-DTAT_PARTS=\"$(python3 "$CROSS/lib/sbom.py" --linked "$BUNDLE/$TARGET/parts")\"")
    if [[ $PLATFORM == linux ]]; then
        flags+=(-Xcc -DTAT_STATIC_LIBRARIES -Xlinker "--build-id=0x$(build_id)")
        # The start files of static executables would read all unwind tables, 1 MB, at each start, to register what the
        # program headers tell as well.
        for flag in register_frame_info register_frame_info_bases; do
            flags+=(-Xlinker "--defsym=__$flag=0" -Xlinker "--defsym=__de$flag=0")
        done
    fi
    for flag in ${STATIC_LIBRARIES:-}; do flags+=(-Xlinker "$flag"); done
    if [[ $PLATFORM == windows ]]; then
        LIBRARIES="$WINDOWS_LIBRARIES $LIBRARIES"
        drop_other_objects "$scratch/$TRIPLE/release" "$1"
    fi
    # The manifest chooses the backend by it.
    export TAT_TARGET_OS=$PLATFORM
    swift_build "$PACKAGE" "$(dirname "$BUNDLE")" "$scratch" "$1" "${flags[@]}"
    split_symbols "$(swift_product "$scratch" "$1")" "$output/$1$SUFFIX"
}

# The linker takes all objects that there are, and is to find those of this executable only: not another one's, nor those
# of files that were since removed.
drop_other_objects() { # folder of the build, product
    local main object name
    for main in "$1"/*.build/main.swift.o; do
        [[ $main == "$1/$2.build/"* ]] || rm -f "${main%/*}"/*.o
    done
    for object in "$1"/*.build/*.o; do
        name=${object##*/}
        [[ $(find "$PACKAGE/Sources" "$PACKAGE/Tests" -name "${name%.o}" -print -quit) ]] || rm -f "$object"
    done
}

# By what goes in, not by what comes out: the compiler's own hashes, which are stripped, differ from one build to the next.
build_id() {
    (cd "$PACKAGE" && find Package.swift Sources -type f | sort | xargs sha256sum; basename "$(dirname "$BUNDLE")") |
        sha256sum | cut -c1-40
}

# The symbols go to a file beside the executable. They belong together by the build id; a link would have a checksum of
# the symbols in it, which name temporary files of the compiler.
split_symbols() { # built executable, destination
    local objcopy=$TOOLCHAIN/bin/llvm-objcopy
    "$objcopy" --only-keep-debug "$1" "$2.debug"
    "$objcopy" --strip-all --remove-section=.comment --remove-section=.swift_modhash "$1" "$2.new"
    mv "$2.new" "$2"
    ls -l "$2"
}
