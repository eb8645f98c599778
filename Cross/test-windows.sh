#!/usr/bin/env bash
# Tries a built Windows executable in Wine: that it starts, and what it says.
#   test-windows.sh TARGET [EXECUTABLE]
set -euo pipefail
CROSS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$CROSS/lib/sdk.sh"
. "$CROSS/lib/product.sh"

require_target "${1:-}"
EXECUTABLE=$(realpath -m "${2:-$(output_folder)/tat_agent.exe}")
[[ -f $EXECUTABLE ]] || die "$EXECUTABLE does not exist: run Cross/build-agent.sh $TARGET first."

said=$(run_in_wine "$EXECUTABLE" --version) || die "--version exits with $?, having said '$said'"
# Until there is a backend for Windows, the program has nothing to say.
[[ -z $said || $said == tat_agent\ * ]] || die "--version says '$said'"
printf 'ok    --version: %s; %s\n' "${said:-nothing}" "$(stat -c %s "$EXECUTABLE" | awk '{ printf "%.1f MB", $1 / 1000000 }')"
echo '1 passed, 0 failed'
