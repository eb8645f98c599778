#!/bin/sh
# What the agent runs of an update package that it has unpacked: puts the new program in place of its own.
set -eu
exec sh "$(dirname "$0")/install.sh" only_update
