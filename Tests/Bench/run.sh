#!/usr/bin/env bash
# Builds release executables and prints the figures of bench.py. usage: run.sh [--quick]
set -euo pipefail
cd "$(dirname "$0")/../.."
scratch=.build/release-static
for product in tat_agent tat_hub; do
    swift build -c release --static-swift-stdlib --scratch-path "$scratch" --product "$product"
done
exec python3 Tests/Bench/bench.py "$scratch/release" "$@"
