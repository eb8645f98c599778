#!/usr/bin/env bash
# Runs a command as root: as-root.sh COMMAND [ARGUMENT]… Through sudo where the caller is somebody else.
set -euo pipefail

if [ "$(id -u)" -eq 0 ]; then
    exec "$@"
fi
if ! command -v sudo >/dev/null; then
    echo "root is needed, and there is no sudo here. As root, run: $*" >&2
    exit 1
fi
# Without a terminal nobody can type a password.
if [ -t 0 ]; then
    exec sudo "$@"
fi
exec sudo -n "$@"
