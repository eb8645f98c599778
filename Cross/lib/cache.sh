# Where everything that can be made again is kept.

CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/tat-agent
LOGS=$CACHE/logs/$(date -u +%Y%m%d-%H%M%S)-$$
TEMPORARIES=()
trap '((${#TEMPORARIES[@]})) && rm -rf "${TEMPORARIES[@]}"' EXIT

# A folder beside its destination, removed at exit unless it was renamed by then. Sets TEMPORARY.
temporary_folder() { # parent
    mkdir -p "$1" || die "cannot write to $1: point XDG_CACHE_HOME to a folder you can write to."
    # What a killed builder left.
    find "$1" -maxdepth 1 -name '.building.*' -mmin +600 -exec rm -rf {} +
    TEMPORARY=$(mktemp -d "$1/.building.XXXXXX")
    chmod 755 "$TEMPORARY"
    TEMPORARIES+=("$TEMPORARY")
}

# One builder at a time for each part of the cache; a second one waits and then finds the result.
lock_cache() { # name
    mkdir -p "$CACHE/locks" || die "cannot write to $CACHE: point XDG_CACHE_HOME to a folder you can write to."
    exec {LOCK}>"$CACHE/locks/$1"
    flock --nonblock "$LOCK" || { note "waiting for another build of $1"; flock "$LOCK"; }
}

# Runs a function of this shell that no other builder may run at the same time.
exclusively() { # name, function, arguments...
    local LOCK status # the lock is this call's own, as such calls are nested
    lock_cache "$1"
    "${@:2}"
    status=$? # where it is called in a condition, `set -e` does not hold
    exec {LOCK}>&-
    return "$status"
}

# The first 16 digits of a hash over words and the names and contents of files.
key_of() { # words... -- files...
    local words=() file
    while [[ $1 != -- ]]; do words+=("$1"); shift; done
    shift
    {
        printf '%s\n' "${words[@]}"
        for file in "$@"; do printf '%s\n' "${file#"$CROSS"/}"; cat "$file"; done
    } | sha256sum | cut -c1-16
}

# MiB
free_space() { # folder
    df -Pm "$1" | awk 'NR == 2 { print $4 }'
}

need_space() { # MiB
    local free
    mkdir -p "$CACHE" || die "cannot write to $CACHE: point XDG_CACHE_HOME to a folder you can write to."
    free=$(free_space "$CACHE")
    ((free >= $1)) || die "$CACHE has $free MiB free and this needs $1: free some, or point XDG_CACHE_HOME elsewhere."
}
