#!/usr/bin/env bash
# Tries what the SDK builder says when something is wrong: one sentence, and nothing left that a later run takes for an SDK.
set -euo pipefail
CROSS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
WORK=$(mktemp -d "${TMPDIR:-/tmp}/builder-test.XXXXXX")
trap 'rm -rf --one-file-system "$WORK"' EXIT
PASSED=0

fail() { printf '%s: %s\n' "${0##*/}" "$1" >&2; exit 1; }

# Runs a command that has to fail with a last line that has these words, and leave no SDK in the cache of this test.
refuses() { # what, words, command...
    local what=$1 words=$2 said
    shift 2
    if env XDG_CACHE_HOME="$WORK/cache" "$@" >"$WORK/said" 2>&1 </dev/null; then fail "$what: it succeeds"; fi
    said=$(tail -n 1 "$WORK/said")
    [[ $said == *"$words"* ]] || fail "$what: it says '$said' and not '$words'"
    [[ ! -d $WORK/cache/tat-agent/sdk || ! $(ls -A "$WORK/cache/tat-agent/sdk") ]] || fail "$what: it leaves an SDK"
    PASSED=$((PASSED + 1))
    printf 'ok    %s: %s\n' "$what" "${said#*: }"
}

# A PATH with these programs of this machine and no others.
only() { # programs...
    local name
    rm -rf "${WORK:?}/bin"
    mkdir "$WORK/bin"
    for name in bash env dirname basename date uname head sed sort realpath "$@"; do
        if [[ $(type -P "$name") ]]; then ln -s "$(type -P "$name")" "$WORK/bin/$name"; fi
    done
}

# A function of the builder, run as its scripts would.
part() { # commands
    printf '%s\n' "set -euo pipefail; CROSS=$CROSS; . $CROSS/lib/sdk.sh; require_target linux-i686; $1"
}

refuses 'no target' 'say which target' "$CROSS/build-sdk.sh"
refuses 'an unknown target' 'say which target' "$CROSS/build-sdk.sh" beos-m68k

only
refuses 'another distribution' 'apt-get' PATH="$WORK/bin" "$CROSS/build-sdk.sh" linux-i686
only apt-get
refuses 'no compiler' 'swiftc is not in PATH' PATH="$WORK/bin" "$CROSS/build-sdk.sh" linux-i686
printf '#!/bin/sh\necho "Swift version 5.9 (swift-5.9-RELEASE)"\n' >"$WORK/bin/swiftc"
chmod 755 "$WORK/bin/swiftc"
refuses 'an old compiler' 'too old' PATH="$WORK/bin" "$CROSS/build-sdk.sh" linux-i686
rm "$WORK/bin/uname"
printf '#!/bin/sh\necho "Linux riscv64"\n' >"$WORK/bin/uname"
chmod 755 "$WORK/bin/uname"
refuses 'another machine' 'x86-64 Linux only' PATH="$WORK/bin" "$CROSS/build-sdk.sh" linux-i686

refuses 'no network' 'for want of the network' MIRROR=http://127.0.0.1:1 "$CROSS/build-sdk.sh" linux-i686
refuses 'no place to write' 'cannot write' XDG_CACHE_HOME=/proc/none "$CROSS/build-sdk.sh" linux-i686

printf 'no sources\n' >"$WORK/sources.tar"
refuses 'a checksum that differs' 'the checksum of' SWIFT_SOURCE="$WORK/sources.tar" SWIFT_SOURCE_SHA256=0123 \
    bash -c "$(part 'require_host; CMAKE=cmake; require_swift_source')"
refuses 'sources that do not exist' 'does not exist' SWIFT_SOURCE="$WORK/none.tar" \
    bash -c "$(part 'require_host; CMAKE=cmake; require_swift_source')"
mkdir -p "$WORK/cache/tat-agent/download/curl-trixie"
printf 'half' >"$WORK/cache/tat-agent/download/curl-trixie/curl_1.0.orig.tar.gz"
printf '%064d  curl_1.0.orig.tar.gz\n' 0 >"$WORK/cache/tat-agent/download/curl-trixie/sums"
refuses 'a download that has changed' 'checksum of a file' bash -c "$(part 'require_source curl trixie')"

mkdir -p "$WORK/tree/lib/Threading"
printf 'another version\n' >"$WORK/tree/lib/Threading/Linux.cpp"
refuses 'sources that the edits do not match' 'update its EDITS' python3 "$CROSS/lib/edit_runtime.py" "$WORK/tree"
grep -q 'no longer matches: lib/Threading/Linux.cpp: 0 instead of 1 times' "$WORK/said" || fail 'the edit is not named'
[[ $(<"$WORK/tree/lib/Threading/Linux.cpp") == 'another version' ]] || fail 'a file was edited although not all match'

if ((EUID == 0)); then
    # A disk of 8 MiB.
    small='mount -t tmpfs -o size=8m small "$0" && exec "$@"'
    mkdir -p "$WORK/cache"
    refuses 'too little space' 'MiB free and this needs' \
        unshare --mount sh -c "$small" "$WORK/cache" "$CROSS/build-sdk.sh" linux-i686
    refuses 'a disk that runs full' 'the disk is full' \
        unshare --mount sh -c "$small" "$WORK/cache" bash -c "$(part 'step filling dd if=/dev/zero of="$CACHE/file" bs=1M')"
    refuses 'a step that fails' 'the whole log is' bash -c "$(part 'step failing false')"
fi
refuses 'a key of another kind' 'is no Ed25519 key' SIGNING_KEY=/etc/hostname RELEASE_OUTPUT="$WORK/release" \
    "$CROSS/release.sh" linux-i686
printf '%d passed, 0 failed\n' "$PASSED"
