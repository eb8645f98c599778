#!/bin/sh
# Fuzzes the parsers of Sources/Agent/Wire: run.sh [SECONDS], 60 by default, each in a process of its own, all at once.
# Exits with 1 on any finding, and says where the input that shows it is. Everything is kept in .build/fuzz.
set -eu

seconds=${1:-60}
cd "$(dirname "$0")/../.."
root=$(pwd)
out=$root/.build/fuzz
wire=Sources/Agent/Wire
swiftc=${SWIFTC:-swiftc}

build() { # NAME SOURCES…
    name=$1
    shift
    mkdir -p "$out/$name/corpus" "$out/$name/findings"
    "$swiftc" -sanitize=fuzzer -parse-as-library -O -g -swift-version 6 \
        -enable-upcoming-feature NonisolatedNonsendingByDefault \
        -module-name "Fuzz$name" -o "$out/$name/fuzz" "Tests/Fuzz/Fuzz$name.swift" "$@"
}

build JSON "$wire"/JSON*.swift
build WebSocket "$wire"/WebSocket*.swift "$wire/HTTPText.swift" "$wire/Base64.swift" "$wire/UTF8Prefix.swift"

cat >"$out/JSON/words" <<'WORDS'
"true"
"false"
"null"
"[]"
"{}"
"{\"\":"
"\\u0000"
"\\ud834\\udd1e"
"\\\\"
"\\\""
"1e-324"
"1e308"
"-0"
"9223372036854775807"
"18446744073709551615"
WORDS
printf '{"Type":"kick","Seq":1,"Data":{"a":[-0.5e-3,true,false,null,"\\u00e9\\ud834\\udd1e\\n"]}}' >"$out/JSON/corpus/seed"

cat >"$out/WebSocket/words" <<'WORDS'
"\x81\x01a"
"\x01\x01a"
"\x00\x01a"
"\x80\x01a"
"\x89\x00"
"\x8a\x00"
"\x88\x02\x03\xe8"
"\x81\x81\x01\x02\x03\x04a"
"\x82\x7e\x00\x7e"
"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"
"HTTP/1.1 101 \x0d\x0a"
"A: b\x0d\x0a"
WORDS
printf '\000\001\002\303\251\211\001p\200\001a\202\001\377\210\005\003\350bye' >"$out/WebSocket/corpus/client"
printf '\001\201\205\067\372\041\075\177\237\115\121\130\211\200\001\002\003\004' >"$out/WebSocket/corpus/server"

# The runtime's own crash handler would keep libFuzzer from saving the input.
start() { # NAME LONGEST-INPUT
    SWIFT_BACKTRACE=enable=no "$out/$1/fuzz" -dict="$out/$1/words" -max_len="$2" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 \
        -print_final_stats=1 -artifact_prefix="$out/$1/findings/" "$out/$1/corpus" >"$out/$1/log" 2>&1 &
}

report() { # NAME PROCESS
    if wait "$2"; then
        echo "$1: no finding in $seconds s"
        grep -E '^stat::(number_of_executed_units|average_exec_per_sec|peak_rss_mb)|cov: [0-9]+ .*DONE|DONE.*cov:' \
            "$out/$1/log" || true
    else
        echo "$1: FINDING"
        grep -E 'ERROR|Fatal error|Test unit written|SUMMARY' "$out/$1/log" || tail -n 20 "$out/$1/log"
        failed=1
    fi
}

failed=0
start JSON 4096
json=$!
start WebSocket 4096
websocket=$!
trap 'kill "$json" "$websocket" 2>/dev/null || true' INT TERM
report JSON "$json"
report WebSocket "$websocket"
exit "$failed"
