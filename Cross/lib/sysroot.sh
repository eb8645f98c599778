# The headers and libraries of the target, unpacked from the distribution's packages: nothing is installed.

# What the packages bring besides: documents, and compilers for the machine that builds.
SYSROOT_LEFT_OUT=(./usr/bin ./usr/share/doc ./usr/share/man ./usr/share/lintian 'cc1*' 'lto*' collect2 plugin
    g++-mapper-server install-tools 'ada*' '*.dll')

# Fills a folder, and lists the packages with version and checksum in FOLDER.packages.
make_sysroot() { # folder
    local folder=$1 downloads file
    mirror_update "$SYSROOT_SUITE" "$SYSROOT_ARCHITECTURE"
    downloads=$CACHE/download/$SYSROOT_SUITE-$TARGET
    rm -rf "$downloads"
    # shellcheck disable=SC2086
    mirror_packages "$SYSROOT_SUITE" "$SYSROOT_ARCHITECTURE" "$downloads" $SYSROOT_PACKAGES
    mkdir -p "$folder/usr/lib"
    # Where the distribution merges /lib into /usr/lib, packages may still ship either.
    ln -sfn usr/lib "$folder/lib"
    for file in "$downloads"/*.deb; do
        dpkg-deb --fsys-tarfile "$file" |
            tar -x -C "$folder" --keep-directory-symlink --no-same-owner "${SYSROOT_LEFT_OUT[@]/#/--exclude=}"
        printf '%s %s %s\n' "$(dpkg-deb -f "$file" Package)" "$(dpkg-deb -f "$file" Version)" \
            "$(sha256sum <"$file" | cut -d' ' -f1)"
    done >"$folder.packages"
    absolute_links_to_relative "$folder"
    if [[ $PLATFORM == windows ]]; then complete_mingw "$folder"; fi
}

# Links such as /usr/lib/x point into the machine that builds, not into the sysroot.
absolute_links_to_relative() { # folder
    local link target
    while IFS= read -r link; do
        target=$(readlink "$link")
        ln -sfn "$(realpath -m --relative-to="$(dirname "$link")" "$1$target")" "$link"
    done < <(find "$1" -type l -lname '/*')
}

# Where clang looks for MinGW, and the headers under the names that Swift's sources give them.
complete_mingw() { # folder
    local name
    ln -s "usr/$MINGW" "$1/$MINGW"
    for name in Windows DbgHelp ShlWapi Bcrypt; do
        printf '#include <%s.h>\n' "${name,,}" >"$1/usr/$MINGW/include/$name.h"
    done
}
