# What the building machine has to be and to have.

require_host() {
    [[ $(uname -sm) == 'Linux x86_64' ]] ||
        die "SDKs are built on x86-64 Linux only, and this is $(uname -sm): use such a machine or a container of it."
    command -v apt-get >/dev/null ||
        die "this needs Debian's or Ubuntu's package tools (apt-get): use such a machine or a container of it."
    command -v swiftc >/dev/null ||
        die "swiftc is not in PATH: install the Swift toolchain (6.2 or newer) and put its usr/bin there."
    COMPILER=$(swiftc --version 2>/dev/null | head -n 1)
    local version
    version=$(swift_version)
    [[ $(printf '%s\n' 6.2 "$version" | sort -V | head -n 1) == 6.2 ]] ||
        die "Swift $version is too old: install 6.2 or newer."
    TOOLCHAIN=$(dirname "$(dirname "$(realpath "$(command -v swiftc)")")")
    [[ -x $TOOLCHAIN/bin/ld.lld ]] || die "$TOOLCHAIN has no ld.lld: install the whole toolchain from swift.org."
}

swift_version() { swiftc --version 2>/dev/null | sed -n '1s/.*Swift version \([0-9.]*\).*/\1/p'; }

# Installs what is missing of a list of packages.
require_packages() { exclusively packages install_packages "$@"; } # list

install_packages() {
    local package missing=()
    while read -r package; do
        dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done < <(grep -v '^#' "$1")
    ((${#missing[@]})) || return 0
    ((EUID == 0)) || die "missing here: run 'apt-get install ${missing[*]}' as root, then this again."
    note "installing ${missing[*]}"
    { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends "${missing[@]}"; } \
        >"$CACHE/apt-install.log" 2>&1 </dev/null ||
        die "apt-get could not install ${missing[*]}: see $CACHE/apt-install.log, and whether the network is there."
}

# CMake 3.29 or newer and Ninja: the machine's, else PyPI's in a folder of their own. Sets CMAKE and NINJA.
require_cmake() { exclusively cmake find_cmake; }

find_cmake() {
    CMAKE=$(command -v cmake || true)
    NINJA=$(command -v ninja || true)
    if [[ $CMAKE && $NINJA ]] &&
        [[ $(printf '%s\n' 3.29 "$("$CMAKE" --version | sed -n '1s/[^0-9]*//p')" | sort -V | head -n 1) == 3.29 ]]; then
        return
    fi
    local tools=$CACHE/tools/cmake
    if [[ ! -x $tools/bin/ninja ]]; then
        step 'CMake and Ninja' install_cmake "$tools"
    fi
    CMAKE=$tools/bin/cmake NINJA=$tools/bin/ninja
}

install_cmake() { # folder
    rm -rf "$1"
    python3 -m venv "$1"
    # Ninja last: it is what tells that the folder is whole.
    "$1/bin/pip" -q install 'cmake>=3.29'
    "$1/bin/pip" -q install ninja
}
