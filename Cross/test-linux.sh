#!/usr/bin/env bash
# Tries a built Linux agent on this machine: alone, with a hub on loopback, over TLS, and (as root) in root folders of
# other distributions and in an empty one. Prints its figures, and fails if they are worse than they should be.
#   test-linux.sh TARGET [EXECUTABLE]      HUB=: a tat_hub for this machine; built if not given
set -euo pipefail
CROSS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$CROSS/lib/sdk.sh"
. "$CROSS/lib/product.sh"
. "$CROSS/lib/lab.sh"
. "$CROSS/lib/roots.sh"

require_target "${1:-}"
EXECUTABLE=$(realpath -m "${2:-$(output_folder)/tat_agent}")
[[ -x $EXECUTABLE ]] || die "$EXECUTABLE does not exist: run Cross/build-agent.sh $TARGET first."

# The goals: megabytes of 10^6 bytes on disk, of 2^20 bytes in memory, and milliseconds.
SIZE_LIMIT=12 MEMORY=(7.5 1.2) TLS_MEMORY=(9.5 2) START_LIMIT=20

test_alone() {
    local said size
    said=$("$EXECUTABLE" --version) || wrong "--version exits with $?"
    [[ $said =~ ^tat_agent\ [0-9]+\.[0-9]+\.[0-9]+$ ]] || wrong "--version says '$said'"
    passed "--version: $said"
    said=$("$EXECUTABLE" --version --verbose)
    [[ $said == tat_agent\ *OpenSSL\ 3*libcurl\ * ]] || wrong "--version --verbose says '$said'"
    passed "--version --verbose: $(grep -c ', ' <<<"$said") parts with their licences"
    if readelf -lW "$EXECUTABLE" | grep -qE 'INTERP|DYNAMIC'; then wrong 'it wants a dynamic linker'; fi
    size=$(stat -c %s "$EXECUTABLE")
    ((size <= SIZE_LIMIT * 1000000)) || wrong "it has $size bytes"
    passed "needs no library; $(awk -v size="$size" 'BEGIN { printf "%.1f MB\n", size / 1000000 }')"
    if "$EXECUTABLE" --nonsense >/dev/null 2>&1; then wrong 'a wrong option is taken'; fi
    passed 'a wrong option is refused'
}

# The goal is for a machine that has nothing else to do: a busy one is told of, and passes.
check_start_time() {
    if awk -v time="$START_TIME" -v limit="$START_LIMIT" 'BEGIN { exit time <= limit }'; then
        printf 'note  connected after more than %s ms: is this machine busy?\n' "$START_LIMIT"
    fi
}

test_with_hub() {
    local output code=0
    lab_start_times 7 "$EXECUTABLE" -n -c
    sleep 3 # the kick that follows a connect
    lab_memory_limits "$AGENT" "${MEMORY[@]}"
    passed "connected after $START_TIME ms (median of 7); idle: $(lab_memory "$AGENT")"
    check_start_time
    output=$("$HUB" run --state "$LAB/hub" 'echo "$((6 * 7))"; id -un') || wrong "the task exits with $?"
    [[ $output == "42"*"$(id -un)" ]] || wrong "the task's output is '$output'"
    passed "a task; after it: $(lab_memory "$AGENT")"
    "$HUB" run --state "$LAB/hub" 'exit 7' || code=$?
    ((code == 7)) || wrong "exit code $code instead of 7"
    passed "the task's exit code"
    output=$("$HUB" run --state "$LAB/hub" 'head -c 300000 /dev/zero | tr "\0" x' 2>/dev/null | wc -c)
    ((output > 1000)) || wrong "of a long output $output bytes arrived"
    passed "a long output ($output bytes arrived)"
    lab_agent_stop
}

test_tls() {
    lab_tls "$LAB_NAME"
    lab_home "$LAB/tls" https wss "127.0.0.1:$TLS_PORT"
    mkdir "$LAB/certs"
    cp "$LAB/ca.pem" "$LAB/certs/$(openssl x509 -in "$LAB/ca.pem" -noout -subject_hash).0"
    AGENT_HOME=$LAB/tls AGENT_ENVIRONMENT="SSL_CERT_DIR=$LAB/certs" lab_start_times 7 "$EXECUTABLE" -n -c
    sleep 3
    lab_memory_limits "$AGENT" "${TLS_MEMORY[@]}"
    passed "connected by TLS after $START_TIME ms (median of 7); idle: $(lab_memory "$AGENT")"
    [[ $("$HUB" run --state "$LAB/hub" 'echo by TLS') == 'by TLS' ]] || wrong 'a task by TLS failed'
    passed 'a task by TLS'
    lab_agent_stop
}

require_hub
test_alone
lab_begin
test_with_hub
test_tls
if ((EUID == 0)); then
    require_packages "$CROSS/packages.roots"
    require_busybox
    for suite in "${ROOT_SUITES[@]}"; do require_root "$suite"; done
    # A network and processes of their own: nothing is left of them at the end.
    unshare --net --mount --pid --fork --kill-child --mount-proc "$CROSS/test-roots.sh" "$EXECUTABLE" "$HUB"
else
    printf 'skip  root folders: need root\n'
fi
printf '%d passed on this machine, 0 failed\n' "$PASSED"
