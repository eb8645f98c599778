#!/bin/sh
# Stops and removes the agent. Tasks that run go on to their end, but nobody reports it.
#
#   uninstall.sh           keep the configuration, the log and the records of tasks
#   uninstall.sh --purge   remove these, too
#
# With DESTDIR set everything is removed below that directory and nothing is stopped.
set -eu

# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"

case ${1:-} in
    "" | --purge) ;;
    *)
        echo "usage: uninstall.sh [--purge]" >&2
        exit 2
        ;;
esac

if has_systemd; then
    systemctl --quiet disable --now tat_agent.service 2>/dev/null || true
elif [ -z "$root" ]; then
    stop_daemon
fi
rm -f "$root$unit" "$root$link" "$root$home/tat_agent"
if has_systemd; then systemctl daemon-reload; fi
if [ "${1:-}" = --purge ]; then
    rm -rf "$root$home/config.dat" "$root$home/log" "$root$state"
fi
rmdir "$root$home" 2>/dev/null || true
echo "removed"
