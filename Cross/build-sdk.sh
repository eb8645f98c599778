#!/usr/bin/env bash
# Builds the Swift SDKs of targets, unless the cache has them. Prints the folders of the bundles.
#   build-sdk.sh TARGET...     TARGET: a name from Cross/targets, or `all`
set -euo pipefail
CROSS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$CROSS/lib/sdk.sh"

# Two at a time: most of a build is one process that compiles the standard library.
AT_ONCE=2

build_side_by_side() { # targets...
    local name running=0 failed=0
    for name in "$@"; do
        if ((running == AT_ONCE)); then
            wait -n || failed=1
            running=$((running - 1))
        fi
        SIDE_BY_SIDE=1 "$CROSS/build-sdk.sh" "$name" &
        running=$((running + 1))
    done
    while ((running > 0)); do
        wait -n || failed=1
        running=$((running - 1))
    done
    ((failed == 0)) || die 'not all SDKs were built: the lines above say why.'
}

TARGETS=("$@")
if [[ ${1:-} == all ]]; then all_targets; fi
if ((${#TARGETS[@]} > 1)); then
    build_side_by_side "${TARGETS[@]}"
else
    require_target "${1:-}"
    require_sdk
    printf '%s\n' "$BUNDLE"
fi
