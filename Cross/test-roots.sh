#!/usr/bin/env bash
# Tries a static Linux agent in root folders: that it resolves names by DNS, verifies the hub's certificate against the
# authorities where the distribution keeps them, runs tasks, and finds users that only name services know. To be run by
# test-linux.sh, in a network and with processes and mounts of its own.
#   test-roots.sh EXECUTABLE HUB
set -euo pipefail
CROSS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
for part in log cache host mirror lab roots; do
    # shellcheck source=/dev/null
    . "$CROSS/lib/$part.sh"
done
EXECUTABLE=$1 HUB=$2
[[ $$ == 1 ]] || die "test-linux.sh runs this, in namespaces of its own."

# The root folders that this run uses, in memory.
ROOTS=

begin() {
    ip link set lo up
    lab_begin
    lab_tls "$LAB_NAME"
    ROOTS=$LAB/roots
    mkdir "$ROOTS"
    mount -t tmpfs -o mode=755 roots "$ROOTS"
    trap end EXIT
    python3 "$CROSS/lib/dns_server.py" "$LAB_NAME" 127.0.0.1 >"$LAB/dns.log" 2>&1 &
    echo $! >"$LAB/dns.pid"
    lab_wait 'the name server listens' grep -q listening "$LAB/dns.log"
}

end() {
    # With what is mounted below; nothing may be left there to be removed.
    umount --recursive --lazy "$ROOTS"
    lab_end
}

# What every root gets: the agent, a home that names the hub, the name server.
furnish() { # root
    mkdir -p "$1"/{etc,proc,dev,tmp,run,home/agent,var/lib}
    mount -t proc proc "$1/proc"
    [[ -e $1/dev/null ]] || mknod -m 666 "$1/dev/null" c 1 3
    cp "$EXECUTABLE" "$1/tat_agent"
    lab_home "$1/home/agent" https wss "$LAB_NAME:$TLS_PORT"
    printf 'nameserver 127.0.0.1\n' >"$1/etc/resolv.conf"
    printf '127.0.0.1 localhost\n' >"$1/etc/hosts"
}

# A shell, and nothing of any distribution.
empty_root() { # root
    local name
    mkdir -p "$1"/{bin,etc}
    cp "$CACHE/roots/busybox" "$1/bin/busybox"
    for name in sh echo id cat; do ln -s busybox "$1/bin/$name"; done
    printf 'root:x:0:0::/:/bin/sh\n' >"$1/etc/passwd"
    furnish "$1"
}

debian_root() { # root, suite
    mkdir -p "$1"
    cp -a "$(root_folder "$2")/." "$1/"
    furnish "$1"
}

start_in() { # root, log
    AGENT_HOME=/home/agent lab_agent "$2" chroot "$1" /tat_agent -n -c
}

# That an agent without the authority does not connect, and says why.
refuses() { # root, name
    AGENT_HOME=/home/agent lab_agent_start "$LAB/$2.log" chroot "$1" /tat_agent -n -c
    lab_wait 'the agent refuses the certificate' grep -qi 'certificate' "$LAB/$2.log"
    if grep -q 'connected' "$LAB/$2.log"; then wrong "$2: connected to a server that proves nothing"; fi
    lab_agent_stop
    passed "$2: a certificate of an unknown authority is refused"
}

# One authority in one place, in an otherwise empty root.
test_place() { # distribution, file that has it
    local place=$2
    [[ $place == */HASH.0 ]] && place=${place%HASH.0}$(openssl x509 -in "$LAB/ca.pem" -noout -subject_hash).0
    mkdir -p "$(dirname "$ROOTS/empty/$place")"
    cp "$LAB/ca.pem" "$ROOTS/empty/$place"
    start_in "$ROOTS/empty" "$LAB/place.log"
    passed "authorities of $1 in $2; idle: $(lab_memory "$AGENT")"
    lab_agent_stop
    rm "$ROOTS/empty/$place" "$LAB/place.log"
}

test_empty_root() {
    local output
    empty_root "$ROOTS/empty"
    refuses "$ROOTS/empty" 'empty root'
    test_place 'Debian, Alpine, SUSE (hashed)' /etc/ssl/certs/HASH.0
    test_place 'Fedora (hashed)' /etc/pki/ca-trust/extracted/pem/directory-hash/HASH.0
    test_place 'Debian, Alpine' /etc/ssl/certs/ca-certificates.crt
    test_place 'RHEL' /etc/pki/tls/certs/ca-bundle.crt
    test_place 'RHEL, newer' /etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem
    test_place 'SUSE' /etc/ssl/ca-bundle.pem
    test_place 'SUSE, newer' /var/lib/ca-certificates/ca-bundle.pem
    test_place 'Alpine' /etc/ssl/cert.pem
    cp "$LAB/ca.pem" "$ROOTS/empty/etc/ssl/cert.pem"
    start_in "$ROOTS/empty" "$LAB/empty.log"
    output=$("$HUB" run --state "$LAB/hub" --wait 10 'echo here; id -u') || wrong "the task exits with $?"
    [[ $output == here*0 ]] || wrong "the task's output is '$output'"
    passed 'empty root: a task'
    lab_agent_stop
}

# A user with a second group, whom only a name service knows; and a plug-in for names of hosts that nobody may load.
add_name_services() { # root
    local library
    mkdir -p "$1/var/lib/extrausers"
    printf 'remote:x:7001:7001::/:/bin/bash\n' >"$1/var/lib/extrausers/passwd"
    printf 'remote:x:7001:\nstaff2:x:7002:remote\n' >"$1/var/lib/extrausers/group"
    : >"$1/var/lib/extrausers/shadow"
    printf '%s\n' 'passwd: files extrausers' 'group: files extrausers' 'hosts: files trap dns' >"$1/etc/nsswitch.conf"
    library=$(dirname "$(find "$1/usr/lib" "$1/lib/" -name 'libnss_extrausers.so.2' | head -n 1)")
    gcc -shared -fPIC -O1 -o "$library/libnss_trap.so.2" -x c - <<'END'
#include <fcntl.h>
__attribute__((constructor)) static void loaded(void) { creat("/tmp/trap-was-loaded", 0644); }
END
}

test_debian() { # suite
    local root=$ROOTS/$1 output
    debian_root "$root" "$1"
    add_name_services "$root"
    refuses "$root" "$1"
    cp "$LAB/ca.pem" "$root/usr/local/share/ca-certificates/test.crt"
    chroot "$root" update-ca-certificates >"$LAB/certificates.log" 2>&1
    start_in "$root" "$LAB/$1.log"
    passed "$1: connected by a name and with the system's authorities; idle: $(lab_memory "$AGENT")"
    output=$("$HUB" run --state "$LAB/hub" --wait 10 'echo here; id -u') || wrong "the task exits with $?"
    [[ $output == here*0 ]] || wrong "the task's output is '$output'"
    passed "$1: a task"
    output=$("$HUB" run --state "$LAB/hub" --user remote 'id -u; id -G') || wrong "the task exits with $?"
    [[ $output == 7001*'7001 7002' ]] || wrong "the task's output is '$output'"
    passed "$1: a task as a user that only a name service knows, with the groups that only it knows"
    [[ ! -e $root/tmp/trap-was-loaded ]] || wrong 'a plug-in for name services was loaded'
    # That it would have been.
    chroot "$root" getent hosts "$LAB_NAME" >/dev/null || wrong "$1's own C library does not resolve $LAB_NAME"
    [[ -e $root/tmp/trap-was-loaded ]] || wrong "$1's own C library did not load the plug-in either: nothing was tested"
    passed "$1: no plug-in for name services was loaded"
    lab_agent_stop
}

begin
test_empty_root
for suite in "${ROOT_SUITES[@]}"; do test_debian "$suite"; done
printf '%d passed in root folders, 0 failed\n' "$PASSED"
