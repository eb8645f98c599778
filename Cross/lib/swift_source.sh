# The sources of the Swift runtime, with our edits: one folder for all targets.

# What is taken from a tarball or tree of all of Swift's sources.
SWIFT_PARTS=(swift llvm-project/cmake llvm-project/llvm/cmake llvm-project/llvm/include swift-experimental-string-processing)
SWIFT_SOURCE_SUITE=unstable
SWIFT_SOURCE_PACKAGE=swiftlang

# Sets SWIFT_TREE to the edited sources and SWIFT_ORIGIN to a line that says where they are from.
require_swift_source() { exclusively source-swift find_swift_source; }

find_swift_source() {
    local origin key
    case ${SWIFT_SOURCE:-} in
    '') origin=$(distribution_tarball) ;;
    *://* | *.git) origin=$SWIFT_SOURCE ;;
    *)
        [[ -e $SWIFT_SOURCE ]] || die "SWIFT_SOURCE=$SWIFT_SOURCE does not exist: give a folder, a tarball or a git address."
        origin=$(realpath "$SWIFT_SOURCE")
        ;;
    esac
    if [[ -f $origin ]]; then
        SWIFT_ORIGIN="$(basename "$origin") $(checked_sum "$origin")"
    else
        SWIFT_ORIGIN="$origin -"
    fi
    key=$(key_of "$SWIFT_ORIGIN" "${SWIFT_PARTS[@]}" -- "$CROSS/lib/edit_runtime.py")
    SWIFT_TREE=$CACHE/source/$key
    [[ -f $SWIFT_TREE/whole && ! -d $origin ]] && return
    local new
    temporary_folder "$CACHE/source"
    new=$TEMPORARY
    step 'sources of the Swift runtime' lay_out_swift_source "$origin" "$new"
    step 'edits' python3 "$CROSS/lib/edit_runtime.py" "$new/swift"
    step 'resync' "$CMAKE" -P "$new/swift/Runtimes/Resync.cmake"
    touch "$new/whole"
    rm -rf "$SWIFT_TREE"
    mv "$new" "$SWIFT_TREE"
}

# The tarball that the distribution's source package has, downloaded at most once.
distribution_tarball() {
    local folder=$CACHE/download/$SWIFT_SOURCE_PACKAGE tarball
    tarball=$(find "$folder" -name '*.orig.tar.*' -not -name '*.sha256' 2>/dev/null | sort -V | tail -n 1)
    if [[ ! $tarball || ! -f $tarball.sha256 ]]; then
        rm -rf "$folder"
        step "package lists of $SWIFT_SOURCE_SUITE" mirror_update "$SWIFT_SOURCE_SUITE" amd64
        step "download of $SWIFT_SOURCE_PACKAGE" mirror_source "$SWIFT_SOURCE_SUITE" "$folder" "$SWIFT_SOURCE_PACKAGE"
        tarball=$(find "$folder" -name '*.orig.tar.*' | sort -V | tail -n 1)
        sha256sum <"$tarball" | cut -d' ' -f1 >"$tarball.sha256"
    fi
    printf '%s\n' "$tarball"
}

# The SHA-256 of a file, which has to be the one noted beside it or in SWIFT_SOURCE_SHA256, if there is one.
checked_sum() { # file
    local sum expected=
    sum=$(sha256sum <"$1" | cut -d' ' -f1)
    [[ -f $1.sha256 ]] && expected=$(cut -d' ' -f1 <"$1.sha256")
    [[ ${SWIFT_SOURCE:-} && ${SWIFT_SOURCE_SHA256:-} ]] && expected=$SWIFT_SOURCE_SHA256
    [[ -z $expected || $sum == "$expected" ]] ||
        die "the checksum of $1 differs ($sum, not $expected): remove the file and run this again."
    printf '%s\n' "$sum"
}

lay_out_swift_source() { # origin, folder
    local origin=$1 folder=$2 top part
    if [[ -d $origin ]]; then
        [[ -d $origin/swift ]] || { echo "$origin has no folder swift/"; return 1; }
        tar -C "$origin" -c "${SWIFT_PARTS[@]}" | tar -C "$folder" -x
    elif [[ -f $origin ]]; then
        top=$(tar -tf "$origin" | head -n 1 || true)
        top=${top%%/*}
        tar -C "$folder" --strip-components=1 -xf "$origin" "${SWIFT_PARTS[@]/#/$top/}"
    else
        # The tag of this compiler; the sources are three repositories side by side, of which this is the first.
        for part in swift llvm-project swift-experimental-string-processing; do
            timeout 1800 git clone -q --depth 1 --branch "swift-$(swift_version)-RELEASE" \
                "$(dirname "$origin")/$part.git" "$folder/$part"
        done
    fi
}
