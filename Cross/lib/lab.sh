# A hub and an agent on loopback, for trying an executable: started, asked, measured and ended.

LAB=
LAB_PROCESSES=()
PASSED=0

passed() { # what
    PASSED=$((PASSED + 1))
    printf 'ok    %s\n' "$1"
}

wrong() { # what
    if [[ $LAB ]]; then tail -n 5 "$LAB"/*.log >&2; fi
    die "$1"
}

# Sets HUB to a tat_hub for this machine: the one given, or built.
require_hub() {
    local folder
    if [[ ! ${HUB:-} ]]; then
        folder=$(dirname "$(output_folder)")/host
        HUB=$folder/debug/tat_hub
        step 'tat_hub for this machine' env -u TAT_TARGET_OS swift build --package-path "$PACKAGE" --product tat_hub \
            --scratch-path "$folder" --jobs "${JOBS:-$(nproc)}"
    fi
    [[ -x $HUB ]] || die "HUB=$HUB cannot be run."
}

# Starts the hub. HUB_PORT is its port, and the agent's home has its address.
lab_begin() {
    LAB=$(mktemp -d "${TMPDIR:-/tmp}/agent-lab.XXXXXX")
    chmod 755 "$LAB"
    trap lab_end EXIT
    mkdir -p "$LAB/hub" "$LAB/home"
    HUB_PORT=$(lab_serve hub "$HUB" serve --listen 127.0.0.1:0 --state "$LAB/hub")
    lab_home "$LAB/home" http ws "127.0.0.1:$HUB_PORT"
}

# Puts TLS before the hub, with a certificate for 127.0.0.1 and a name of an authority that is made for it: $LAB/ca.pem.
# TLS_PORT is its port.
lab_tls() { # name
    local key=(-newkey rsa:2048 -nodes -days 2)
    {
        openssl req -x509 "${key[@]}" -subj '/CN=an authority made for a test' -keyout "$LAB/ca.key" -out "$LAB/ca.pem"
        openssl req "${key[@]}" -subj "/CN=$1" -keyout "$LAB/server.key" -out "$LAB/server.csr"
        openssl x509 -req -in "$LAB/server.csr" -CA "$LAB/ca.pem" -CAkey "$LAB/ca.key" -CAcreateserial -days 2 \
            -extfile <(printf 'subjectAltName=DNS:%s,IP:127.0.0.1\n' "$1") -out "$LAB/server.pem"
    } >"$LAB/openssl.log" 2>&1
    TLS_PORT=$(lab_serve tls python3 "$CROSS/lib/tls_front.py" "$LAB/server.pem" "$LAB/server.key" "$HUB_PORT")
}

# Starts a server that says at which port it listens, and prints that.
lab_serve() { # name, command and arguments...
    local name=$1
    shift
    "$@" >"$LAB/$name.log" 2>&1 &
    echo $! >"$LAB/$name.pid"
    lab_wait "$name listens" grep -q listening "$LAB/$name.log"
    sed -n 's/.*listening on .*:\([0-9]*\)$/\1/p' "$LAB/$name.log" | head -n 1
}

# A home folder for an agent that knows this hub.
lab_home() { # folder, scheme of the API, scheme of the notify channel, address
    mkdir -p "$1"
    printf '{"url":{"invoke_url":"%s://%s","ws_url":"%s://%s/ws"}}\n' "$2" "$4" "$3" "$4" >"$1/config.dat"
    chmod 600 "$1/config.dat"
}

# Starts an agent with the home $AGENT_HOME, and waits until it is connected; AGENT is its process.
lab_agent() { # log, command and arguments...
    lab_agent_start "$@"
    lab_wait 'the agent connects' grep -q 'connected' "$1"
}

lab_agent_start() { # log, command and arguments...
    local log=$1
    shift
    STARTED=$(date +%s%N)
    # shellcheck disable=SC2086
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin http_proxy=http://127.0.0.1:1 https_proxy=http://127.0.0.1:1 \
        no_proxy="127.0.0.1,$LAB_NAME" TAT_AGENT_HOME="${AGENT_HOME:-$LAB/home}" ${AGENT_ENVIRONMENT:-} "$@" >"$log" 2>&1 &
    AGENT=$!
    LAB_PROCESSES+=("$AGENT")
}

# The name that the certificate of lab_tls is for, besides 127.0.0.1.
LAB_NAME=hub.test

lab_agent_stop() {
    kill "$AGENT" 2>/dev/null || true
    wait "$AGENT" 2>/dev/null || true
}

# Milliseconds from the agent's start to the line of its log that says that it is connected.
lab_start_time() { # log
    local connected
    connected=$(date -d "$(awk '/connected/ { print $1; exit }' "$1")" +%s%N)
    awk -v from="$STARTED" -v to="$connected" 'BEGIN { printf "%.1f\n", (to - from) / 1000000 }'
}

# Starts an agent so often and prints the median of the milliseconds until it was connected. The last one runs on.
lab_start_times() { # how often, command and arguments...
    local count=$1 number times=()
    shift
    for ((number = 1; number <= count; number++)); do
        if ((number > 1)); then lab_agent_stop; fi
        lab_agent "$LAB/agent$number.log" "$@"
        times+=("$(lab_start_time "$LAB/agent$number.log")")
    done
    START_TIME=$(printf '%s\n' "${times[@]}" | sort -n | sed -n "$(((count + 1) / 2))p")
}

# Memory in MB of 2^20 bytes: all of it, that of its own, threads.
lab_memory() { # process
    awk '/^(VmRSS|RssAnon):/ { printf "%s %.1f MB  ", $1, $2 / 1024 } /^Threads/ { print $1, $2 }' "/proc/$1/status"
}

# Fails if a process has more memory than that. How much of an executable's file is mapped around each page that is used
# is the kernel's decision: 1 MB more in all is told of, and passes.
lab_memory_limits() { # process, MB in all, MB of its own
    local status=0
    awk -v all="$2" -v own="$3" '/^VmRSS:/ && $2 > all * 1024 { worse = $2 > (all + 1) * 1024 ? 2 : 1 }
        /^RssAnon:/ && $2 > own * 1024 { exit worse = 2 } END { exit worse }' "/proc/$1/status" || status=$?
    if ((status == 1)); then printf 'note  more memory than %s MB\n' "$2"; fi
    if ((status == 2)); then wrong "more memory than $2 MB, $3 MB of its own: $(lab_memory "$1")"; fi
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
    local file
    for file in "$LAB"/*.pid; do
        if [[ -f $file ]]; then LAB_PROCESSES+=("$(<"$file")"); fi
    done
    if ((${#LAB_PROCESSES[@]})); then kill "${LAB_PROCESSES[@]}" 2>/dev/null || true; fi
    if [[ $LAB ]]; then rm -rf --one-file-system "$LAB"; fi
    if ((${#TEMPORARIES[@]})); then rm -rf "${TEMPORARIES[@]}"; fi
}
