# Upstream tarballs of the distribution's source packages, for the parts that are built here.

# Sets SOURCE_TARBALL, downloaded at most once; apt has checked it against the signed lists, and later runs check that it
# is still the same.
require_source() { exclusively "source-$1-$2" find_source "$@"; } # package, suite

find_source() {
    local folder=$CACHE/download/$1-$2
    if [[ ! -f $folder/sums ]]; then
        rm -rf "$folder"
        step "package lists of $2" mirror_update "$2" amd64
        step "download of $1" mirror_source "$2" "$folder" "$1"
        (cd "$folder" && sha256sum -- * >.sums.new && mv .sums.new sums)
    fi
    (cd "$folder" && sha256sum --status -c sums) ||
        die "the checksum of a file in $folder differs: remove that folder and run this again."
    SOURCE_TARBALL=$(find "$folder" -name "$1_*.orig.tar.*" -not -name '*.asc' | sort -V | tail -n 1)
    [[ $SOURCE_TARBALL ]] || die "$folder has no tarball of $1: remove that folder and run this again."
}

# The line that names it in the list of parts: name, version, checksum.
source_line() { # package
    printf '%s %s %s\n' "$1" "$(basename "$SOURCE_TARBALL" | sed "s/^$1_//;s/\.orig.*//")" \
        "$(sha256sum <"$SOURCE_TARBALL" | cut -d' ' -f1)"
}
