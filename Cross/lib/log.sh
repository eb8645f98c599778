# Words for the person at the terminal: steps with their time, and failures in one sentence.

die() { # sentence
    printf '%s: %s\n' "${0##*/}" "$1" >&2
    exit 1
}

note() { # text
    printf '    %s\n' "$1" >&2
}

# Runs a command or function as a named step: its output goes to a log, which is named when the step fails.
# It must not be called in a condition: `set -e` holds inside the step.
step() { # name, command, arguments
    local name=$1 log started=$SECONDS status=0
    shift
    mkdir -p "$LOGS"
    log=$LOGS/$(tr -c 'A-Za-z0-9_\n' '-' <<<"$name").log
    # What several builders write at once has to come in whole lines.
    if [[ ! ${SIDE_BY_SIDE:-} ]]; then printf '==> %s … ' "$name" >&2; fi
    set +e
    (set -euo pipefail; "$@") >"$log" 2>&1 </dev/null
    status=$?
    set -e
    if [[ ${SIDE_BY_SIDE:-} ]]; then printf '==> %s … ' "$name" >&2; fi
    if ((status)); then
        printf 'failed after %d s\n' $((SECONDS - started)) >&2
        sed 's/^/    /' <(tail -n 12 "$log") >&2
        # A log on a full disk may not even have the words.
        if grep -q 'No space left on device' "$log" || (($(free_space "$LOGS") < 2)); then
            die "the disk is full: free some space below $CACHE (or point XDG_CACHE_HOME elsewhere) and run this again."
        fi
        if grep -qE 'Failed to fetch|Could not (connect|resolve)|NewConnectionError|Temporary failure|unable to access' "$log"; then
            die "'$name' failed for want of the network: see that this machine reaches it (MIRROR= names another mirror)."
        fi
        die "'$name' failed: the whole log is $log"
    fi
    printf '%d s\n' $((SECONDS - started)) >&2
}
