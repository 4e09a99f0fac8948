#!/usr/bin/env bash
# base.sh FILE: a Debian 12 as small as debian:12-slim into that tar file: what the image stands on
# where Docker Hub cannot be asked. Made once; take the file away for a newer one.
set -euo pipefail
file=$1
[[ ! -s $file ]] || exit 0
mkdir -p "$(dirname "$file")"
# Through the mirror of this machine, if it is a Debian 12 itself.
mirror=()
if grep -q '^VERSION_CODENAME=bookworm' /etc/os-release; then
    for sources in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
        [[ ! -s $sources || ${#mirror[@]} -gt 0 ]] || mirror=("$sources")
    done
fi
options=(--variant=minbase --format=tar)
for path in doc info linda lintian man locale groff; do
    options+=(--dpkgopt="path-exclude=/usr/share/$path/*")
done
options+=(--dpkgopt='path-include=/usr/share/doc/*/copyright') # the licences stay
# usrmerge, which would be taken otherwise, brings the whole of Perl.
options+=(--include=usr-is-merged --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr)
# shellcheck disable=SC2016 # a hook is a script, and $1 its argument
options+=(--customize-hook='cd "$1"
    rm -f etc/hostname etc/resolv.conf var/cache/debconf/*-old var/lib/dpkg/*-old var/log/*.log
    rm -rf var/log/apt etc/apt/sources.list etc/apt/sources.list.d/*
    for part in "debian bookworm bookworm-updates" "debian-security bookworm-security"; do
        printf "Types: deb\nURIs: http://deb.debian.org/%s\nSuites: %s\nComponents: main\nSigned-By: %s\n\n" \
            "${part%% *}" "${part#* }" /usr/share/keyrings/debian-archive-keyring.gpg
    done >etc/apt/sources.list.d/debian.sources')
mmdebstrap "${options[@]}" bookworm "$file.part" "${mirror[@]}"
mv "$file.part" "$file"
