#!/usr/bin/env bash
# Tries the artifacts in release/: checksums, signature, list of parts, installation, and the executables themselves; and
# that another build of them, in another place, has the same bytes.
#   test-release.sh [TARGET...]      all targets unless given
#   RELEASE_OUTPUT=: another folder; HUB=: a tat_hub for this machine; REPEAT=: the targets to build again, or ''
set -euo pipefail
CROSS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$CROSS/lib/sdk.sh"
. "$CROSS/lib/product.sh"
. "$CROSS/lib/release.sh"
. "$CROSS/lib/lab.sh"
. "$CROSS/lib/roots.sh"

TARGETS=("$@")
((${#TARGETS[@]})) || all_targets
REPEAT=${REPEAT-linux-x86_64}
release_settings
temporary_folder "$CACHE/release"
WORK=$TEMPORARY

test_sums() {
    local name listed
    (cd "$OUTPUT" && sha256sum --quiet -c SHA256SUMS) || wrong 'SHA256SUMS does not hold'
    listed=$(awk '{ print $2 }' "$OUTPUT/SHA256SUMS")
    for name in "$OUTPUT"/tat_agent_*; do
        grep -qxF "$(basename "$name")" <<<"$listed" || wrong "SHA256SUMS lacks $name"
    done
    passed "SHA256SUMS of $(wc -l <<<"$listed") files"
}

# With a key made for this: that a release is signed, and that a changed one is told from it.
test_signature() {
    openssl genpkey -algorithm ed25519 -out "$WORK/key.pem" 2>/dev/null
    openssl pkey -in "$WORK/key.pem" -pubout -out "$WORK/public.pem"
    cp "$OUTPUT/SHA256SUMS" "$WORK/"
    (check_key "$WORK/key.pem" && sign "$WORK/SHA256SUMS" "$WORK/key.pem")
    verify || wrong 'the signature does not hold'
    printf 'x' >>"$WORK/SHA256SUMS"
    if verify; then wrong 'a signature holds for what was changed'; fi
    passed 'Ed25519 signature of SHA256SUMS'
}

verify() {
    openssl pkeyutl -verify -rawin -pubin -inkey "$WORK/public.pem" -in "$WORK/SHA256SUMS" \
        -sigfile "$WORK/SHA256SUMS.sig" >/dev/null 2>&1
}

test_parts() {
    python3 - "$OUTPUT" "$OUTPUT/tat_agent_$VERSION.spdx.json" <<'END' || wrong 'the list of parts is wrong'
import hashlib, json, pathlib, sys
folder, name = map(pathlib.Path, sys.argv[1:])
document = json.loads(name.read_text())
assert document["spdxVersion"] == "SPDX-2.3" and document["SPDXID"] == "SPDXRef-DOCUMENT"
identifiers = [entry["SPDXID"] for entry in document["packages"] + document["files"]]
assert len(identifiers) == len(set(identifiers)), "an identifier is there twice"
known = set(identifiers) | {"SPDXRef-DOCUMENT"}
assert all({r["spdxElementId"], r["relatedSpdxElement"]} <= known for r in document["relationships"])
listed = {entry["fileName"].removeprefix("./"): entry["checksums"][1]["checksumValue"] for entry in document["files"]}
found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest()
         for path in folder.iterdir() if path.name.endswith((".zip", ".tar.gz"))}
assert listed == found, (listed, found)
assert any(package["name"] == "swift-runtime" for package in document["packages"])
END
    passed 'list of parts (SPDX)'
}

# Unpacks an update package and runs its script as the agent would, with another root folder.
test_update_package() {
    local folder=$WORK/$TARGET name
    name=tat_agent_${PLATFORM}_${ARCHITECTURE}_$VERSION.zip
    mkdir "$folder"
    python3 -m zipfile -e "$OUTPUT/$name" "$folder"
    [[ -f $folder/tat_agent$SUFFIX ]] || wrong "$name has no tat_agent$SUFFIX"
    if [[ $PLATFORM == linux ]]; then
        [[ $(DESTDIR=$folder/root sh "$folder/self_update.sh") == *"tat_agent $VERSION"*installed* ]] ||
            wrong "$name: self_update.sh failed"
        cmp "$folder/tat_agent" "$folder/root/usr/local/qcloud/tat_agent/tat_agent"
        chmod 755 "$folder/tat_agent"
    fi
    passed "$name: unpacked$([[ $PLATFORM != linux ]] || echo ', and installed by its self_update.sh')"
}

# In an empty root folder with a small shell, as a machine of either width.
test_installer() {
    local root=$WORK/root name archive=$OUTPUT/tat_agent_linux_install_$VERSION.tar.gz
    if ((EUID != 0)); then
        printf 'skip  the installer: needs root\n'
        return
    fi
    require_busybox
    mkdir -p "$root"/{bin,etc,dev,proc,tmp}
    cp "$BUSYBOX" "$root/bin/busybox"
    chroot "$root" /bin/busybox --install -s /bin
    tar -C "$root/tmp" -xzf "$archive"
    for name in x86_64 i686; do
        [[ -f $root/tmp/tat_agent_linux_install_$VERSION/tat_agent_$name ]] || continue
        install_in "$root" "$name" >"$WORK/install.log" || wrong "install.sh failed: $(<"$WORK/install.log")"
        cmp "$root/usr/local/bin/../qcloud/tat_agent/tat_agent" \
            "$root/tmp/tat_agent_linux_install_$VERSION/tat_agent_$name" || wrong "not the program for $name"
        grep -qx "tat_agent $VERSION" "$WORK/install.log" || wrong 'it does not run'
        passed "$(basename "$archive"): installs the program for $name"
    done
    rm "$root/tmp/tat_agent_linux_install_$VERSION"/tat_agent_*64
    if install_in "$root" x86_64 2>"$WORK/install.log"; then
        wrong 'a program for another machine is installed'
    fi
    grep -q 'no program for this machine' "$WORK/install.log" || wrong "install.sh says: $(<"$WORK/install.log")"
    passed "$(basename "$archive"): says so where it has no program for the machine"
}

# With /proc there only as long as it runs.
install_in() { # root, machine
    unshare --mount --pid --fork sh -c 'mount -t proc proc "$0/proc" && exec setarch "$1" chroot "$0" /bin/sh "$2" only_update' \
        "$1" "$2" "/tmp/tat_agent_linux_install_$VERSION/install.sh"
}

# From a copy of the sources in another place, into another place.
build_again() { # target
    mkdir "$WORK/copy"
    tar -C "$PACKAGE" -c Package.swift Sources Tests install Cross | tar -C "$WORK/copy" -x
    local time
    time=$(sed -n 's/.*"created": "\(.*\)".*/\1/p' "$OUTPUT/tat_agent_$VERSION.spdx.json")
    env -u CROSS_OUTPUT -u PACKAGE RELEASE_OUTPUT="$WORK/again" SOURCE_DATE_EPOCH="$(date -d "$time" +%s)" \
        "$WORK/copy/Cross/release.sh" "$1"
}

test_repeat() { # target
    local name
    step "$1, built again" build_again "$1"
    for name in "$WORK"/again/*.zip; do
        cmp "$name" "$OUTPUT/$(basename "$name")" || wrong "$(basename "$name") has other bytes when it is built again: are the sources those of the release?"
        passed "$(basename "$name"): the same bytes when built again"
    done
    rm -rf "$WORK/copy" "$WORK/again"
}

[[ -f $OUTPUT/SHA256SUMS ]] || die "there is no release in $OUTPUT: run Cross/release.sh first."
test_sums
test_signature
test_parts
for name in "${TARGETS[@]}"; do
    require_target "$name"
    test_update_package
done
if [[ " ${TARGETS[*]}" == *' linux-'* ]]; then test_installer; fi
for name in $REPEAT; do test_repeat "$name"; done
for name in "${TARGETS[@]}"; do
    require_target "$name"
    if [[ $PLATFORM == windows ]] && ((EUID != 0)); then
        printf 'skip  %s: Wine needs root\n' "$name"
        continue
    fi
    printf -- '--    %s\n' "$name"
    "$CROSS/test-$PLATFORM.sh" "$name" "$WORK/$name/tat_agent$SUFFIX"
done
printf '%d passed for the release, 0 failed\n' "$PASSED"
