#!/usr/bin/env bash
# Builds the agent for every target and packs the artifacts into release/: update packages, the installer's archive,
# SHA256SUMS, a list of parts (SPDX). The same sources, SDKs and SOURCE_DATE_EPOCH give the same bytes.
#   release.sh [TARGET...]      all targets unless given
#   SIGNING_KEY=FILE            an Ed25519 key (PEM): SHA256SUMS.sig, the raw signature of SHA256SUMS, is made with it
set -euo pipefail
CROSS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$CROSS/lib/sdk.sh"
. "$CROSS/lib/product.sh"
. "$CROSS/lib/release.sh"

# The executable, its scripts, and the list of its parts: one folder that becomes the update package.
stage_target() { # folder
    mkdir -p "$1/update"
    cp "$(output_folder)/tat_agent$SUFFIX" "$1/update/tat_agent$SUFFIX"
    copy_scripts "$PLATFORM" "$1/update"
    zip_of "$1/update" "$OUTPUT/tat_agent_${PLATFORM}_${ARCHITECTURE}_$VERSION.zip"
}

# One folder for all Linux targets; the installer picks the executable by the machine's name.
stage_installer() { # folder, targets...
    local folder=$1/tat_agent_linux_install_$VERSION name
    shift
    mkdir -p "$folder"
    copy_scripts linux "$folder"
    for name in "$@"; do
        require_target "$name"
        if [[ $PLATFORM == linux ]]; then cp "$(output_folder)/tat_agent" "$folder/tat_agent_$ARCHITECTURE"; fi
    done
    tar_of "$folder" "$OUTPUT/tat_agent_linux_install_$VERSION.tar.gz"
}

TARGETS=("$@")
((${#TARGETS[@]})) || all_targets
release_settings
temporary_folder "$CACHE/release"
STAGE=$TEMPORARY
rm -f "$OUTPUT"/SHA256SUMS* "$OUTPUT"/tat_agent_*

if [[ ${SIGNING_KEY:-} ]]; then check_key "$SIGNING_KEY"; fi
"$CROSS/build-sdk.sh" "${TARGETS[@]}" >/dev/null
for name in "${TARGETS[@]}"; do
    require_target "$name"
    require_sdk
    step "$TARGET: tat_agent" build_product tat_agent
    step "$TARGET: update package" stage_target "$STAGE/$TARGET"
    cp "$BUNDLE/$TARGET/parts" "$STAGE/$TARGET.parts"
done
if [[ " ${TARGETS[*]}" == *' linux-'* ]]; then step 'installer' stage_installer "$STAGE" "${TARGETS[@]}"; fi
mapfile -t artifacts < <(find "$OUTPUT" -maxdepth 1 -name 'tat_agent_*.zip' -o -maxdepth 1 -name 'tat_agent_*.tar.gz' | sort)
step 'list of parts' python3 "$CROSS/lib/sbom.py" "$VERSION" "$SOURCE_DATE_EPOCH" \
    "$OUTPUT/tat_agent_$VERSION.spdx.json" "$STAGE"/*.parts -- "${artifacts[@]}"
(cd "$OUTPUT" && sha256sum tat_agent_* >SHA256SUMS)
if [[ ${SIGNING_KEY:-} ]]; then sign "$OUTPUT/SHA256SUMS" "$SIGNING_KEY"; fi
cat "$OUTPUT/SHA256SUMS"
