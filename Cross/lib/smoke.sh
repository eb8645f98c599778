# Compiles the smoke program with a bundle that was just made, and runs it.

smoke_test() { # bundle folder, scratch folder
    local program expected="smoke: all is well on $((POINTER * 8)) bits" said
    cp -R "$CROSS/smoke" "$2/smoke"
    swift_build "$2/smoke" "$(dirname "$1")" "$2/scratch" Smoke
    program=$(swift_product "$2/scratch" Smoke)
    # shellcheck disable=SC2086
    said=$(${RUN:-timeout 60} "$program" word) || { echo "it exited with $?, having said: $said"; return 1; }
    said=${said%$'\r'}
    [[ $said == "$expected" ]] || { echo "it said '$said' and not '$expected'"; return 1; }
    echo "$said"
}
