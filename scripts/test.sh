#!/usr/bin/env bash
# Builds and runs the tests. usage: test.sh SCRATCH [FLAG...]
# Each target has a process of its own: there is one event loop in a process, and the targets run it on different pollers.
set -euo pipefail
cd "$(dirname "$0")/.."
scratch=$1
shift
swift build --build-tests --scratch-path "$scratch"
if [ $# -gt 0 ]; then
    exec swift test --skip-build --scratch-path "$scratch" "$@"
fi
failed=()
for target in AgentTests PlatformLinuxTests EndToEndTests; do
    swift test --skip-build --scratch-path "$scratch" --filter "^$target\\." || failed+=("$target")
done
[ ${#failed[@]} -eq 0 ] || { echo "failed: ${failed[*]}" >&2; exit 1; }
