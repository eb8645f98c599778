#!/usr/bin/env bash
# Builds the Swift SDK of one target, unless the cache has it. Prints the folder of the bundle.
#   build-sdk.sh TARGET        TARGET: a name from Cross/targets
set -euo pipefail
CROSS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$CROSS/lib/sdk.sh"

require_target "${1:-}"
require_sdk
printf '%s\n' "$BUNDLE"
