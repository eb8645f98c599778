# Packages of a named suite and architecture from the mirror that this machine already uses. Everything is in a private
# apt configuration below the cache: the machine's own lists, sources and packages stay as they are.

# The mirror's address: MIRROR=, or what the machine's own apt says.
mirror_address() {
    local address=${MIRROR:-}
    [[ $address ]] || address=$(apt-get indextargets --format '$(ORIGIN) $(CODENAME) $(SITE)' 'Created-By: Packages' |
        awk '$1 == "Debian" && $2 !~ /security/ { print $3; exit }')
    [[ $address ]] || die "no Debian mirror is configured here: run 'apt-get update' once, or give one as MIRROR=."
    printf '%s\n' "$address"
}

mirror_keyring() {
    local keyring=${MIRROR_KEYRING:-/usr/share/keyrings/debian-archive-keyring.gpg}
    [[ -r $keyring ]] || die "$keyring is missing: install debian-archive-keyring, or name a key ring as MIRROR_KEYRING=."
    printf '%s\n' "$keyring"
}

# Prints the path of the configuration for one suite and architecture, making it if needed.
mirror_configuration() { # suite, architecture
    local root=$CACHE/apt/$1-$2 address keyring
    address=$(mirror_address)
    keyring=$(mirror_keyring)
    mkdir -p "$root"/{lists/partial,archives/partial,parts}
    : >"$root/status"
    printf '%s [arch=%s signed-by=%s] %s %s main\n' \
        deb "$2" "$keyring" "$address" "$1" deb-src "$2" "$keyring" "$address" "$1" >"$root/sources.list"
    cat >"$root/apt.conf" <<END
Dir::State "$root";
Dir::State::lists "$root/lists";
Dir::State::status "$root/status";
Dir::Cache "$root";
Dir::Cache::archives "$root/archives";
Dir::Etc::sourcelist "$root/sources.list";
Dir::Etc::sourceparts "$root/parts";
Dir::Etc::preferences "$root/preferences";
Dir::Etc::preferencesparts "$root/parts";
APT::Architecture "$2";
APT::Architectures { "$2"; };
APT::Get::List-Cleanup "false";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Check-Valid-Until "false";
Acquire::Retries "2";
Acquire::http::Timeout "60";
END
    printf '%s\n' "$root/apt.conf"
}

# Fetches the lists of the suite.
mirror_update() { exclusively "apt-$1-$2" update_lists "$@"; } # suite, architecture

update_lists() { # suite, architecture
    local configuration
    configuration=$(mirror_configuration "$1" "$2")
    timeout 300 apt-get -c "$configuration" -qq update
    apt-cache -c "$configuration" policy | grep -q "$1/main" ||
        { echo "the mirror has no suite $1 for $2"; return 1; }
}

# Downloads binary packages, checked against the signed lists, into a folder.
mirror_packages() { exclusively "apt-$1-$2" download_packages "$@"; } # suite, architecture, folder, packages...

download_packages() {
    local configuration folder=$3
    configuration=$(mirror_configuration "$1" "$2")
    shift 3
    mkdir -p "$folder"
    (cd "$folder" && timeout 600 apt-get -c "$configuration" -qq download "$@")
}

# Downloads the upstream tarball of a source package into a folder.
mirror_source() { exclusively "apt-$1-amd64" download_source "$@"; } # suite, folder, source package

download_source() {
    local configuration
    configuration=$(mirror_configuration "$1" amd64)
    mkdir -p "$2"
    (cd "$2" && timeout 1800 apt-get -c "$configuration" -qq source --download-only --tar-only "$3")
}
