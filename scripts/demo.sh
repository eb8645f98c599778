#!/usr/bin/env bash
# demo.sh BIN: shows a script being run by a real agent for a real control plane, both on this machine's loopback and
# all files in a directory of their own that is removed at the end. BIN is where tat_agent and tat_hub are.
set -euo pipefail

bin=$(cd "${1:?demo.sh BIN}" && pwd)
# Not below TMPDIR, which may be closed to the other user that a script is run as.
home=$(mktemp -d /tmp/tat-demo.XXXXXX)
chmod 711 "$home"
export TAT_HUB_STATE=$home/hub TAT_AGENT_HOME=$home/agent
# A proxy would look for our loopback on its own machine.
export no_proxy=127.0.0.1 NO_PROXY=127.0.0.1
processes=()

clean_up() {
    trap - ERR
    for process in "${processes[@]}"; do
        kill "$process" 2>/dev/null || continue
        timeout 10 tail -f --pid="$process" /dev/null || kill -KILL "$process" 2>/dev/null || true
        wait "$process" 2>/dev/null || true
    done
    rm -rf "$home"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

bold='' plain=''
if [ -t 1 ]; then bold=$'\033[1m' plain=$'\033[0m'; fi
say() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }

# Runs a script on the agent and puts the time before each line of its output, to show when it arrived. The exit code is
# the script's.
run() {
    echo "\$ tat_hub run ${*:1:$#-1} '${*: -1}'"
    timeout 60 "$bin/tat_hub" run "$@" |
        while IFS= read -r line; do printf '    %(%T)T  %s\n' -1 "$line"; done
}

fail() {
    echo "the demo failed: $1" >&2
    tail -n 20 "$home"/*.log >&2 || true
    exit 1
}
trap 'fail "line $LINENO"' ERR

say "1. A control plane on loopback, in the place of the TAT service."
mkdir "$TAT_AGENT_HOME"
"$bin/tat_hub" serve --listen 127.0.0.1:0 >"$home/hub.log" 2>&1 &
processes+=($!)
for _ in {1..100}; do
    address=$(sed -n 's/^listening on //p' "$home/hub.log")
    [ -z "$address" ] || break
    sleep 0.1
done
[ -n "$address" ] || fail "tat_hub did not start"
echo "tat_hub serves at $address"

say "2. An agent. Its config.dat names that control plane."
cat >"$TAT_AGENT_HOME/config.dat" <<CONFIG
{"register": null, "url": {"invoke_url": "http://$address/", "ws_url": "ws://$address/ws"}}
CONFIG
chmod 600 "$TAT_AGENT_HOME/config.dat"
cat "$TAT_AGENT_HOME/config.dat"
"$bin/tat_agent" --no-daemon --console-log >"$home/agent.log" 2>&1 &
processes+=($!)

say "3. A script that takes four seconds. Its output is reported while it runs; the times are those of its arrival."
# shellcheck disable=SC2016 # The script is for the agent's shell.
run -- 'for i in 1 2 3 4; do echo "line $i, written at $(date +%T)"; sleep 1; done'

script='id; head -c 1 /etc/shadow; exit 3'
code=0
if [ "$(id -u)" -eq 0 ]; then
    say "4. A script as another user: no password, no login, that user's rights and groups, and no more."
    run --user nobody -- "$script" || code=$?
else
    say "4. A script that fails. (It runs as $(id -un), as the agent does. A root agent runs scripts as any user.)"
    run -- "$script" || code=$?
fi
[ "$code" -eq 3 ] || fail "the script's exit code became $code"
echo "The script's exit code is that of tat_hub, too: $code"

say "5. What the control plane knows of the two."
echo "$ tat_hub tasks"
timeout 60 "$bin/tat_hub" tasks

say "6. What the agent logged: no script, no output."
cat "$home/agent.log"

say "Done. Ending both and removing $home."
