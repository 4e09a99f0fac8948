#!/bin/sh
# Writes docs/configuration.md from the schema; with --check only says whether it is up to date.
# Takes the built program from build/ or from the first other argument.
set -eu
cd "$(dirname "$0")/.."
doc=docs/configuration.md
check=false
if [ "${1-}" = --check ]; then
    check=true
    shift
fi
program=${1-build/superguppy}
new=$(mktemp)
trap 'rm -f "$new"' EXIT
"$program" config --markdown >"$new"
if ! $check; then
    cat "$new" >"$doc"
elif ! cmp -s "$new" "$doc"; then
    echo "$doc is not what src/config says; run tools/gen_config_doc.sh" >&2
    exit 1
fi
