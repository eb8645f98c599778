# What install.sh and uninstall.sh have in common; to be sourced.
# shellcheck shell=sh disable=SC2034

# DESTDIR puts everything below another root, and leaves the services of this machine alone.
root=${DESTDIR:-}

case $(. /etc/os-release 2>/dev/null && echo "${ID:-}") in
    # There /usr is read-only.
    coreos | flatcar) home=/var/lib/qcloud/tat_agent ;;
    *) home=/usr/local/qcloud/tat_agent ;;
esac
link=/usr/local/bin/tat_agent
unit=/etc/systemd/system/tat_agent.service
state=/var/lib/tat_agent
pid_file=/var/run/tat_agent.pid

if [ -z "$root" ] && [ "$(id -u)" -ne 0 ]; then
    echo "root is needed" >&2
    exit 1
fi

has_systemd() { [ -z "$root" ] && [ -d /run/systemd/system ]; }

# Ends the agent that runs without systemd, if there is one. Its tasks go on.
stop_daemon() {
    pid=$(cat "$pid_file" 2>/dev/null) || return 0
    # The number may belong to another program by now.
    case $(readlink "/proc/$pid/exe") in "$home"/tat_agent*) ;; *) return 0 ;; esac
    kill "$pid" 2>/dev/null || return 0
    seconds=0
    while kill -0 "$pid" 2>/dev/null; do
        if [ "$seconds" -ge 10 ]; then
            kill -KILL "$pid" 2>/dev/null || true
            return 0
        fi
        sleep 1
        seconds=$((seconds + 1))
    done
}
