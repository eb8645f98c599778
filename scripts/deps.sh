#!/usr/bin/env bash
# Installs the packages of packages.txt that are missing, and checks that there is a Swift that can build this.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
wanted_swift=6.3.1

mapfile -t packages < <(grep -v '^#' "$here/packages.txt")
if command -v dpkg-query >/dev/null; then
    missing=()
    for package in "${packages[@]}"; do
        status=$(dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null || true)
        grep -qx installed <<<"$status" || missing+=("$package")
    done
    if [ "${#missing[@]}" -gt 0 ]; then
        echo "installing ${missing[*]}"
        apt="apt-get -q -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300"
        "$here/as-root.sh" env DEBIAN_FRONTEND=noninteractive sh -c "
            $apt update || echo 'the package lists could not be renewed; trying with those at hand' >&2
            $apt install -y --no-install-recommends ${missing[*]}"
    fi
else
    echo "no dpkg here: make sure that there is what these packages bring on Debian: ${packages[*]}" >&2
fi

help="Swift $wanted_swift or newer is needed, with swift on the PATH: https://www.swift.org/install/linux"
if ! command -v swift >/dev/null; then
    echo "$help" >&2
    exit 1
fi
found=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9][0-9.]*[0-9]\).*/\1/p' | head -n 1)
if [ "$(printf '%s\n' "$wanted_swift" "$found" | sort -V | head -n 1)" != "$wanted_swift" ]; then
    echo "$help (found: ${found:-unknown})" >&2
    exit 1
fi
