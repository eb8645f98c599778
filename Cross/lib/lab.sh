# A hub and an agent on loopback, for trying an executable: started, asked, measured and ended.

LAB=
LAB_PROCESSES=()

lab_begin() { # hub executable
    HUB=$1
    LAB=$(mktemp -d "${TMPDIR:-/tmp}/agent-lab.XXXXXX")
    chmod 755 "$LAB"
    trap lab_end EXIT
    mkdir -p "$LAB/hub" "$LAB/home"
    "$HUB" serve --listen 127.0.0.1:0 --state "$LAB/hub" >"$LAB/hub.log" 2>&1 &
    LAB_PROCESSES+=($!)
    lab_wait 'the hub listens' grep -q listening "$LAB/hub.log"
    local address
    address=$(sed -n 's/.*listening on //p' "$LAB/hub.log" | head -n 1)
    printf '{"url":{"invoke_url":"http://%s","ws_url":"ws://%s/ws"}}\n' "$address" "$address" >"$LAB/home/config.dat"
    chmod 600 "$LAB/home/config.dat"
}

# Starts the agent; AGENT is its process.
lab_agent() { # log, command and arguments...
    local log=$1
    shift
    STARTED=$(date +%s%N)
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin http_proxy=http://127.0.0.1:1 https_proxy=http://127.0.0.1:1 \
        no_proxy=127.0.0.1 TAT_AGENT_HOME="${AGENT_HOME:-$LAB/home}" "$@" >"$log" 2>&1 &
    AGENT=$!
    LAB_PROCESSES+=("$AGENT")
    lab_wait 'the agent connects' grep -q 'connected' "$log"
}

# Milliseconds from the agent's start to the line of its log that says that it is connected.
lab_start_time() { # log
    local connected
    connected=$(date -d "$(awk '/connected/ { print $1; exit }' "$1")" +%s%N)
    awk -v from="$STARTED" -v to="$connected" 'BEGIN { printf "%.1f ms\n", (to - from) / 1000000 }'
}

lab_memory() { # process
    awk '/^(VmRSS|RssAnon):/ { printf "%s %.1f MB  ", $1, $2 / 1024 } /^Threads/ { print $1, $2 }' "/proc/$1/status"
}

lab_wait() { # what for, command...
    local what=$1 tries=0
    shift
    until "$@" 2>/dev/null; do
        if ((++tries == 200)); then
            tail -n 20 "$LAB"/*.log >&2
            die "waited 10 s in vain until $what"
        fi
        sleep 0.05
    done
}

lab_end() {
    ((${#LAB_PROCESSES[@]})) && kill "${LAB_PROCESSES[@]}" 2>/dev/null
    [[ $LAB ]] && rm -rf "$LAB"
    ((${#TEMPORARIES[@]})) && rm -rf "${TEMPORARIES[@]}"
}
