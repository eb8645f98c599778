# What goes into a release, made so that the same inputs give the same bytes.

VERSION=
OUTPUT=

# Sets VERSION, and the time that every file in an artifact has: the last commit's unless SOURCE_DATE_EPOCH is given.
release_settings() {
    VERSION=$(sed -n 's/.*agentVersion = "\(.*\)".*/\1/p' "$PACKAGE/Sources/Agent/Config/Version.swift")
    [[ $VERSION ]] || die 'Sources/Agent/Config/Version.swift names no version: put it back as agentVersion = "X.Y.Z".'
    SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$PACKAGE" log -1 --format=%ct 2>/dev/null || echo 0)}
    export SOURCE_DATE_EPOCH TZ=UTC LC_ALL=C
    OUTPUT=${RELEASE_OUTPUT:-$PACKAGE/release}
    mkdir -p "$OUTPUT" || die "cannot write to $OUTPUT: name another folder as RELEASE_OUTPUT=."
}

# Gives the files of a folder one time, and modes that do not depend on the umask.
settle() { # folder
    find "$1" -type d -exec chmod 755 {} +
    find "$1" -type f -perm /111 -exec chmod 755 {} +
    find "$1" -type f ! -perm /111 -exec chmod 644 {} +
    find "$1" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
}

zip_of() { # folder, archive
    settle "$1"
    rm -f "$2"
    (cd "$1" && find . -type f | sed 's|^\./||' | sort | zip -q -X -9 -@ "$2.new")
    mv "$2.new" "$2"
}

tar_of() { # folder, archive
    settle "$1"
    tar -C "$(dirname "$1")" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" --format=ustar \
        -c "$(basename "$1")" | gzip -n -9 >"$2.new"
    mv "$2.new" "$2"
}

# The scripts of a platform that go beside the executable.
copy_scripts() { # platform, folder
    [[ -d $PACKAGE/install/$1 ]] || return 0
    find "$PACKAGE/install/$1" -maxdepth 1 -type f -exec cp {} "$2/" \;
}

check_key() { # key
    [[ -r $1 ]] || die "SIGNING_KEY=$1 cannot be read: make one by 'openssl genpkey -algorithm ed25519 -out FILE'."
    openssl pkey -in "$1" -noout -text 2>/dev/null | grep -i ed25519 >/dev/null ||
        die "SIGNING_KEY=$1 is no Ed25519 key: make one by 'openssl genpkey -algorithm ed25519 -out FILE'."
}

sign() { # file, key
    openssl pkeyutl -sign -rawin -inkey "$2" -in "$1" -out "$1.sig.new"
    openssl pkeyutl -verify -rawin -inkey "$2" -in "$1" -sigfile "$1.sig.new" >/dev/null
    mv "$1.sig.new" "$1.sig"
}
