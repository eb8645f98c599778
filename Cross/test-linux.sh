#!/usr/bin/env bash
# Tries a built Linux agent on this machine: alone, with a hub on loopback, and (as root) in a root folder that has
# nothing but the executable, two lists of users and a shell.
#   test-linux.sh TARGET [EXECUTABLE]      HUB=: a tat_hub for this machine; built if not given
set -euo pipefail
CROSS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$CROSS/lib/sdk.sh"
. "$CROSS/lib/product.sh"
. "$CROSS/lib/lab.sh"

require_target "${1:-}"
EXECUTABLE=$(realpath -m "${2:-$(output_folder)/tat_agent}")
[[ -x $EXECUTABLE ]] || die "$EXECUTABLE does not exist: run Cross/build-agent.sh $TARGET first."

PASSED=0
passed() { PASSED=$((PASSED + 1)); printf 'ok    %s\n' "$1"; }
wrong() { die "$1"; }

host_hub() {
    if [[ ! ${HUB:-} ]]; then
        HUB=$(dirname "$(output_folder)")/host/debug/tat_hub
        step 'tat_hub for this machine' swift build --package-path "$PACKAGE" --product tat_hub \
            --scratch-path "$(dirname "$(output_folder)")/host" --jobs "${JOBS:-$(nproc)}"
    fi
    [[ -x $HUB ]] || die "HUB=$HUB cannot be run."
}

test_alone() {
    local said
    said=$("$EXECUTABLE" --version) || wrong "--version exits with $?"
    [[ $said == tat_agent\ * ]] || wrong "--version says '$said'"
    passed "--version: $said"
    ! readelf -lW "$EXECUTABLE" | grep -qE 'INTERP|DYNAMIC' || wrong 'it wants a dynamic linker'
    passed "needs no library; $(stat -c %s "$EXECUTABLE" | awk '{ printf "%.1f MB\n", $1 / 1000000 }')"
    "$EXECUTABLE" --nonsense >/dev/null 2>&1 && wrong 'a wrong option is taken'
    passed 'a wrong option is refused'
}

test_with_hub() {
    local output
    lab_begin "$HUB"
    lab_agent "$LAB/agent.log" "$EXECUTABLE" -n -c
    passed "connected after $(lab_start_time "$LAB/agent.log"); idle: $(lab_memory "$AGENT")"
    output=$("$HUB" run --state "$LAB/hub" 'echo "$((6 * 7))"; id -un') || wrong "the task exits with $?"
    [[ $output == "42"*"$(id -un)" ]] || wrong "the task's output is '$output'"
    passed "a task; after it: $(lab_memory "$AGENT")"
    "$HUB" run --state "$LAB/hub" 'exit 7' && wrong 'exit code 0 instead of 7' || [[ $? == 7 ]] || wrong 'not exit code 7'
    passed "the task's exit code"
    output=$("$HUB" run --state "$LAB/hub" 'head -c 300000 /dev/zero | tr "\0" x' | wc -c)
    ((output > 1000)) || wrong "of a long output $output bytes arrived"
    passed "a long output ($output bytes arrived)"
    kill "$AGENT"
    wait "$AGENT" || true
}

# Without this distribution's files: an empty root with the executable and a shell of the same architecture.
test_empty_root() {
    local root=$LAB/root output
    if ((EUID != 0)); then
        printf 'skip  an empty root folder: needs root\n'
        return
    fi
    mkdir -p "$root"/{bin,etc,proc,dev,tmp,run,var/lib,var/run,home}
    mirror_update "$SYSROOT_SUITE" "$SYSROOT_ARCHITECTURE" >"$LAB/mirror.log" 2>&1
    mirror_packages "$SYSROOT_SUITE" "$SYSROOT_ARCHITECTURE" "$LAB/busybox" busybox-static >>"$LAB/mirror.log" 2>&1
    dpkg-deb --fsys-tarfile "$LAB"/busybox/*.deb | tar -x -C "$root" --wildcards './*bin/busybox'
    [[ -f $root/bin/busybox ]] || mv "$root/usr/bin/busybox" "$root/bin/busybox"
    for name in sh echo id cat; do ln -sf busybox "$root/bin/$name"; done
    printf 'root:x:0:0::/:/bin/sh\n' >"$root/etc/passwd"
    printf 'root:x:0:\n' >"$root/etc/group"
    mknod -m 666 "$root/dev/null" c 1 3
    cp "$EXECUTABLE" "$root/tat_agent"
    mkdir "$root/home/agent"
    cp -p "$LAB/home/config.dat" "$root/home/agent/"
    AGENT_HOME=/home/agent lab_agent "$LAB/rooted.log" unshare --mount sh -c \
        'mount -t proc proc "$1/proc" && exec chroot "$1" /tat_agent -n -c' sh "$root"
    passed "connected from an empty root; idle: $(lab_memory "$AGENT")"
    output=$("$HUB" run --state "$LAB/hub" --wait 10 'echo here; id -u') || wrong "the task exits with $?"
    [[ $output == here*0 ]] || wrong "the task's output is '$output'"
    passed 'a task in the empty root'
}

host_hub
test_alone
test_with_hub
test_empty_root
printf '%d passed, 0 failed\n' "$PASSED"
