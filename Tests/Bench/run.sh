#!/usr/bin/env bash
# Builds release executables and prints the figures of bench.py, then those of what Cross/ has built, if it has built
# something. usage: run.sh [--quick]
set -euo pipefail
cd "$(dirname "$0")/../.."
scratch=.build/release-static
for product in tat_agent tat_hub; do
    swift build -c release --static-swift-stdlib --scratch-path "$scratch" --product "$product"
done
python3 Tests/Bench/bench.py "$scratch/release" "$@"

for executable in .build/cross/*/tat_agent .build/cross/*/tat_agent.exe; do
    [ -x "$executable" ] || continue
    target=$(basename "$(dirname "$executable")")
    printf '%s: %d bytes\n' "$target" "$(stat -c %s "$executable")"
    case $target in
    linux-*) HUB=$scratch/release/tat_hub Cross/test-linux.sh "$target" | grep -E ' connected | memory |busy' | sed 's/^/  /' ;;
    windows-*) HUB=$scratch/release/tat_hub Cross/test-windows.sh "$target" "$executable" figures 2>&1 | sed 's/^/  /' ;;
    esac
done
