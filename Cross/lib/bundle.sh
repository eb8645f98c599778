# A Swift SDK bundle out of a sysroot and a runtime, in the form that `swift build --swift-sdk` takes.

# NAME.artifactbundle/{info.json, TARGET/{swift-sdk.json, toolset.json, sysroot, resources}, packages}
write_bundle() { # bundle folder
    local bundle=$1 sdk=$1/$TARGET
    cat >"$bundle/info.json" <<END
{
  "schemaVersion": "1.0",
  "artifacts": {
    "$(sdk_name)": {
      "type": "swiftSDK",
      "version": "$(swift_version)",
      "variants": [{ "path": "$TARGET" }]
    }
  }
}
END
    cat >"$sdk/swift-sdk.json" <<END
{
  "schemaVersion": "4.0",
  "targetTriples": {
    "$TRIPLE": {
      "sdkRootPath": "sysroot",
      "swiftResourcesPath": "resources",
      "swiftStaticResourcesPath": "resources",
      "toolsetPaths": ["toolset.json"]
    }
  }
}
END
    local flag c=() swift=(-use-ld=lld -Xfrontend -disable-implicit-string-processing-module-import)
    # shellcheck disable=SC2086
    for flag in $C_FLAGS -ffunction-sections -fdata-sections; do c+=("$flag"); done
    # shellcheck disable=SC2086
    for flag in $C_FLAGS $SWIFT_C_FLAGS $IMPORT_FLAGS; do swift+=(-Xcc "$flag"); done
    cat >"$sdk/toolset.json" <<END
{
  "schemaVersion": "1.0",
  "cCompiler": { "extraCLIOptions": [$(json_strings "${c[@]}")] },
  "swiftCompiler": { "extraCLIOptions": [$(json_strings "${swift[@]}")] },
  "linker": { "extraCLIOptions": ["--gc-sections"] }
}
END
}

json_strings() { # words without quotes
    local separator=
    for word in "$@"; do
        printf '%s"%s"' "$separator" "$word"
        separator=', '
    done
}

sdk_name() { printf 'tat-%s\n' "$TARGET"; }

# The resource folder of a target whose runtime was built here.
write_resources() { # sdk folder, installed runtime
    local resources=$1/resources
    cp -a "$2/lib/swift_static" "$resources"
    cp -a "$2/lib/swift/shims" "$resources/shims"
    # CMake puts them one folder deeper than the driver looks.
    mv "$resources/$SWIFT_PLATFORM/$ARCHITECTURE"/*.a "$resources/$SWIFT_PLATFORM/"
    cp -a "$2"/lib/*.a "$resources/$SWIFT_PLATFORM/"
    if [[ $PLATFORM == windows ]]; then
        cp -a "$2/lib/swift/$SWIFT_PLATFORM/$ARCHITECTURE"/*.obj "$resources/$SWIFT_PLATFORM/$ARCHITECTURE/"
    fi
    ln -s "$(realpath "$TOOLCHAIN/lib/swift/clang")" "$resources/clang"
    if [[ $PLATFORM == linux ]]; then write_linux_link_lines "$1"; fi
}

# What the driver insists on: two files with the link line, and swiftrt.o also below the sysroot.
write_linux_link_lines() { # sdk folder
    local folder=$1/resources/linux
    # shellcheck disable=SC2086
    printf '%s\n' -Xlinker --start-group -lswift_Concurrency -lswiftCore -lswiftCommandLineSupport -Xlinker --end-group \
        $LIBRARIES -lstdc++ -ldl -lpthread -lm >"$folder/static-stdlib-args.lnk"
    { printf '%s\n' -static; cat "$folder/static-stdlib-args.lnk"; } >"$folder/static-executable-args.lnk"
    mkdir -p "$1/sysroot/usr/lib/swift_static/linux/$ARCHITECTURE"
    cp "$folder/$ARCHITECTURE/swiftrt.o" "$1/sysroot/usr/lib/swift_static/linux/$ARCHITECTURE/"
}

# The resource folder of a target whose runtime the toolchain has.
link_toolchain_resources() { # sdk folder
    ln -s "$TOOLCHAIN/lib/swift_static" "$1/resources"
    ln -s "$TOOLCHAIN/lib/swift_static" "$1/sysroot/usr/lib/swift_static"
}
