#!/usr/bin/env bash
# Builds the agent for one target: .build/cross/TARGET/tat_agent, stripped, with its symbols in tat_agent.debug beside it.
#   build-agent.sh TARGET [PRODUCT]        TARGET: a name from Cross/targets; PRODUCT: tat_agent unless given
set -euo pipefail
CROSS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$CROSS/lib/sdk.sh"
. "$CROSS/lib/product.sh"

require_target "${1:-}"
PRODUCT=${2:-tat_agent}
require_sdk
step "$TARGET: $PRODUCT" build_product "$PRODUCT"
printf '%s\n' "$(output_folder)/$PRODUCT$SUFFIX"
