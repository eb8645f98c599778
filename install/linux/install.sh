#!/bin/sh
# Installs the agent, or a newer version over it, also while it runs.
#
#   install.sh               install it and (re)start it
#   install.sh only_update   put the files in place; what runs goes on until the next restart
#   install.sh restart       restart it; tasks that run go on
#
# The program is the one that TAT_AGENT_BINARY names, or the tat_agent beside this script, or of several beside it, named
# tat_agent_MACHINE, the one for this machine. With DESTDIR set everything goes below that directory and nothing is
# started.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"

# Sets binary to the program.
find_binary() {
    binary=${TAT_AGENT_BINARY:-$here/tat_agent}
    if [ -n "${TAT_AGENT_BINARY:-}" ] || [ -f "$binary" ]; then return; fi
    machine=$(uname -m)
    case $machine in
        amd64) machine=x86_64 ;;
        i?86) machine=i686 ;;
        arm64) machine=aarch64 ;;
    esac
    binary=$here/tat_agent_$machine
    if [ ! -f "$binary" ]; then
        echo "there is no program for this machine ($(uname -m)) here: get an archive that has tat_agent_$machine" >&2
        exit 1
    fi
}

# Says so if the new program does not run here. This one may lie where nothing can be run, so it is tried in its place.
try_program() {
    if ! "$1" --version; then
        rm -f "$1"
        echo "$binary does not run on this machine: nothing was changed" >&2
        exit 1
    fi
    # A program that has all its parts in it needs no library.
    case $("$1" --version --verbose) in *'linked in:'*) return ;; esac
    if [ -z "$root" ] && ! ldconfig -p 2>/dev/null | grep -q 'libcurl\.so\.4 '; then
        rm -f "$1"
        echo "libcurl.so.4 is missing, without which the agent reaches nobody (Debian, Ubuntu: libcurl4)" >&2
        exit 1
    fi
}

put_files() {
    find_binary
    mkdir -p "$root$home" "$root${link%/*}"
    # By rename, so that a running agent keeps its own file and no moment is without one.
    install -m 0755 "$binary" "$root$home/tat_agent.new"
    try_program "$root$home/tat_agent.new"
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
