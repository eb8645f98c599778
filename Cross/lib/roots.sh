# Root folders in which a Linux executable is tried: minimal Debians, and one with nothing in it.

# The current release, and the oldest that mirrors still have.
ROOT_SUITES=(trixie bullseye)

root_folder() { # suite
    printf '%s\n' "$CACHE/roots/$1"
}

# A minimal Debian below root_folder, made if the cache lacks it.
require_root() { # suite
    local home
    home=$(root_folder "$1")
    [[ -d $home ]] && return
    lock_cache "root-$1"
    [[ -d $home ]] && return
    need_space 1000
    temporary_folder "$CACHE/roots"
    step "root folder: $1" make_root "$1" "$TEMPORARY"
    mv "$TEMPORARY" "$home"
}

make_root() { # suite, folder
    debootstrap --variant=minbase --include=ca-certificates,libnss-extrausers --keyring="$(mirror_keyring)" \
        "$1" "$2" "$(mirror_address)"
    rm -rf "$2"/var/cache/apt/archives/*.deb "$2"/var/lib/apt/lists/*
}

# Sets BUSYBOX to a static shell with the usual commands.
require_busybox() {
    BUSYBOX=$CACHE/roots/busybox
    [[ -f $BUSYBOX ]] && return
    temporary_folder "$CACHE/roots"
    step 'busybox' fetch_busybox "$TEMPORARY"
    mv "$TEMPORARY/busybox" "$BUSYBOX"
}

fetch_busybox() { # folder
    mirror_update trixie amd64
    mirror_packages trixie amd64 "$1" busybox-static
    dpkg-deb --fsys-tarfile "$1"/busybox-static_*.deb | tar -x -O --wildcards './*bin/busybox' >"$1/busybox"
    chmod 755 "$1/busybox"
}
