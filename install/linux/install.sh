#!/usr/bin/env bash
# Installs the agent, or a newer version over it, also while it runs.
#
#   install.sh               install it and (re)start it
#   install.sh only_update   put the files in place; what runs goes on until the next restart
#   install.sh restart       restart it; tasks that run go on
#
# The program is the tat_agent beside this script, or the one that TAT_AGENT_BINARY names. With DESTDIR set everything
# goes below that directory and nothing is started.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"

put_files() {
    local binary=${TAT_AGENT_BINARY:-$here/tat_agent}
    # Says so if it lacks a library here, before anything was touched.
    "$binary" --version
    if [ -z "$root" ] && ! ldconfig -p 2>/dev/null | grep -q 'libcurl\.so\.4 '; then
        echo "libcurl.so.4 is missing, without which the agent reaches nobody (Debian, Ubuntu: libcurl4)" >&2
        exit 1
    fi
    mkdir -p "$root$home" "$root${link%/*}"
    # By rename, so that a running agent keeps its own file and no moment is without one.
    install -m 0755 "$binary" "$root$home/tat_agent.new"
    mv -f "$root$home/tat_agent.new" "$root$home/tat_agent"
    ln -sfn "$home/tat_agent" "$root$link"
    if [ -n "$root" ] || has_systemd; then
        mkdir -p "$root${unit%/*}"
        sed "s|/usr/local/qcloud/tat_agent/|$home/|" "$here/tat_agent.service" >"$root$unit.new"
        chmod 0644 "$root$unit.new"
        mv -f "$root$unit.new" "$root$unit"
    fi
    if has_systemd; then
        systemctl daemon-reload
        systemctl --quiet enable tat_agent.service
    fi
    echo "installed in $root$home"
}

restart() {
    if [ -n "$root" ]; then return; fi
    if has_systemd; then
        systemctl restart tat_agent.service
    else
        stop_daemon
        "$home/tat_agent"
    fi
    echo "started"
}

case ${1:-install} in
    install)
        put_files
        restart
        ;;
    only_update) put_files ;;
    restart) restart ;;
    *)
        echo "usage: install.sh [only_update | restart]" >&2
        exit 2
        ;;
esac
