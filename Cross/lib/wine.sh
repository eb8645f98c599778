# Windows executables run here in Wine, in a root folder of its own: older distributions have no Wine that runs both widths.

WINE_SUITE=trixie

require_wine() { exclusively wine find_wine; }

find_wine() {
    WINE_ROOT=$CACHE/wine/$WINE_SUITE
    [[ -f $WINE_ROOT/whole ]] && return
    ((EUID == 0)) || die "Windows executables are tried in a root folder that only root can make: run this as root."
    require_packages "$CROSS/packages.wine"
    rm -rf "$WINE_ROOT"
    step 'Wine: root folder' make_wine_root
    step 'Wine: packages' install_wine
    step 'Wine: first start' start_wine
    touch "$WINE_ROOT/whole"
}

make_wine_root() {
    debootstrap --variant=minbase --keyring="$(mirror_keyring)" "$WINE_SUITE" "$WINE_ROOT" "$(mirror_address)"
    cp /etc/resolv.conf /etc/hosts "$WINE_ROOT/etc/"
    apt-config dump | grep -i '^Acquire::.*proxy' >"$WINE_ROOT/etc/apt/apt.conf.d/90proxy" || true
}

install_wine() {
    in_wine_root dpkg --add-architecture i386
    in_wine_root apt-get -qq update
    in_wine_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends wine wine64 wine32:i386
    rm -rf "$WINE_ROOT"/var/cache/apt/archives/*.deb
}

start_wine() {
    in_wine_root wine wineboot --init
}

# A prefix that is whole and that nobody uses, for tests to take copies of.
require_wine_model() {
    require_wine
    exclusively wine-model find_wine_model
}

find_wine_model() {
    [[ -f $WINE_ROOT/root/model.whole ]] && return
    rm -rf "$WINE_ROOT/root/model"
    step 'Wine: a prefix to copy' make_wine_model
    touch "$WINE_ROOT/root/model.whole"
}

# What registers itself in the background has done so when the server has ended.
make_wine_model() {
    in_wine_root env WINEPREFIX=/root/model sh -c 'wine wineboot --init && wineserver -w'
}

# Runs a command in the root, with /proc there only as long as it runs.
in_wine_root() {
    unshare --mount --pid --fork sh -c 'mount -t proc proc "$0/proc" && exec timeout 600 chroot "$0" "$@"' \
        "$WINE_ROOT" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 XDG_RUNTIME_DIR=/tmp WINEDEBUG=-all \
        WINEDLLOVERRIDES='mscoree=;mshtml=' "$@"
}

# Runs a Windows executable with arguments; what it prints has no carriage returns. One at a time: the first of two would
# end Wine's server, which they share, under the other.
run_in_wine() { exclusively wine-run run_alone_in_wine "$@"; } # executable, arguments...

run_alone_in_wine() {
    local program=$1 folder status=0
    shift
    require_wine
    folder=$(mktemp -d "$WINE_ROOT/tmp/run.XXXXXX")
    cp "$program" "$folder/"
    in_wine_root wine "/tmp/${folder##*/}/$(basename "$program")" "$@" >"$folder/output" || status=$?
    tr -d '\r' <"$folder/output"
    rm -rf "$folder"
    return "$status"
}
