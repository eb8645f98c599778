#!/usr/bin/env bash
# Tries a built Windows agent in Wine: the backend part by part (windows_checks), then the agent in a console and as a
# service with a hub on this machine.
#   test-windows.sh TARGET [EXECUTABLE [WORD...]]      HUB=: a tat_hub for this machine; built if not given
# WORDs choose the end-to-end cases whose names have one of them, and leave the rest out. The one word `figures` measures
# instead of testing.
set -euo pipefail
CROSS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$CROSS/lib/sdk.sh"
. "$CROSS/lib/product.sh"

require_target "${1:-}"
OUTPUT=$(output_folder)
EXECUTABLE=$(realpath -m "${2:-$OUTPUT/tat_agent.exe}")
shift $(($# > 2 ? 2 : $#))
[[ -f $EXECUTABLE ]] || die "$EXECUTABLE does not exist: run Cross/build-agent.sh $TARGET first."
((EUID == 0)) || die 'Wine is kept in a root folder that only root can enter: run this as root.'

host_hub() {
    if [[ ! ${HUB:-} ]]; then
        HUB=$(dirname "$OUTPUT")/host/debug/tat_hub
        step 'tat_hub for this machine' env -u TAT_TARGET_OS swift build --package-path "$PACKAGE" --product tat_hub \
            --scratch-path "$(dirname "$OUTPUT")/host" --jobs "${JOBS:-$(nproc)}"
    fi
    [[ -x $HUB ]] || die "HUB=$HUB cannot be run."
}

require_sdk
require_wine_model
step "$TARGET: windows_checks" build_product windows_checks
host_hub
temporary_folder "$CACHE/lab"
cp "$EXECUTABLE" "$TEMPORARY/tat_agent.exe"
cp "$OUTPUT/windows_checks.exe" "$PACKAGE"/install/windows/*.bat "$TEMPORARY/"
printf 'tat_agent.exe has %s bytes\n' "$(stat -c %s "$TEMPORARY/tat_agent.exe")"
if [[ $* == figures ]]; then
    python3 "$PACKAGE/Tests/WindowsEndToEnd/figures.py" "$WINE_ROOT" "$HUB" "$TEMPORARY"
    exit
fi
# Both wait most of the time.
checks=
if (($# == 0)); then
    python3 "$PACKAGE/Tests/WindowsEndToEnd/checks.py" "$WINE_ROOT" "$TEMPORARY" >"$TEMPORARY/checks.log" 2>&1 &
    checks=$!
fi
status=0
python3 "$PACKAGE/Tests/WindowsEndToEnd/end_to_end.py" "$WINE_ROOT" "$HUB" "$TEMPORARY" "$@" || status=1
if [[ $checks ]]; then
    wait "$checks" || status=1
    cat "$TEMPORARY/checks.log"
fi
exit "$status"
