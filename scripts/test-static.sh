#!/usr/bin/env bash
# Runs the end-to-end tests with each static Linux executable that Cross/ has built. usage: test-static.sh SCRATCH
# The hub and the tests are this machine's.
set -euo pipefail
cd "$(dirname "$0")/.."
failed=()
for agent in .build/cross/linux-*/tat_agent; do
    if [ ! -x "$agent" ]; then
        echo "there is no static executable here: run 'make release' first" >&2
        exit 1
    fi
    echo "=== $agent"
    TAT_AGENT_UNDER_TEST=$PWD/$agent scripts/test.sh "$1" --filter '^EndToEndTests\.' || failed+=("$agent")
done
[ ${#failed[@]} -eq 0 ] || { echo "failed: ${failed[*]}" >&2; exit 1; }
