#!/usr/bin/env bash
# build.sh: the image of Dockerfile as localhost/superguppy, without Docker and its hub; then its size
# by part. `./dev image` calls it. Variables: see the first lines.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."
OUT=build-image
IMAGE=localhost/superguppy
BASE=${IMAGE_BASE-}             # an image to build on; else one is made with mmdebstrap
SOURCE=${IMAGE_TAILSCALE-go}    # official, go
OWN_MAX=$((15 * 1000 * 1000))   # what Super Guppy itself may take of it

say() {
    printf '%s\n' "== $*"
}

die() {
    printf 'image: %s\n' "$*" >&2
    exit 1
}

bah() {
    nice tools/image/buildah "$@"
}

# quiet LOG COMMAND...: the output goes into that file, and is shown if it fails.
quiet() {
    local log=$OUT/$1.log start=$SECONDS
    shift
    if ! "$@" >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        die "failed; all of it is in $log"
    fi
    say "done in $((SECONDS - start)) s"
}

# apt_volumes: this machine's way to its Debian mirror, lent to the build and in no layer.
apt_volumes() {
    volumes=()
    grep -q '^VERSION_CODENAME=bookworm' /etc/os-release || return 0
    local path
    for path in /etc/apt/apt.conf.d /etc/apt/auth.conf.d /etc/apt/sources.list.d/debian.sources; do
        [[ ! -e $path ]] || volumes+=(--volume "$path:$path:ro")
    done
    while IFS= read -r path; do
        [[ ! -f $path ]] || volumes+=(--volume "$path:$path:ro")
    done < <(apt-config dump | sed -n 's/^Acquire::.*::\(CaInfo\|CAInfo\|SslCert\|SslKey\) "\(.*\)";$/\2/p' | sort -u)
}

make_base() {
    if [[ -z $BASE ]]; then
        BASE=localhost/debian:12-slim
        if [[ ! -s $OUT/base.tar ]]; then
            say "making Debian 12"
            quiet base tools/image/base.sh "$OUT/base.tar"
        fi
        if [[ ! $OUT/base.id -nt $OUT/base.tar ]] || ! bah inspect --type image "$BASE" >/dev/null 2>&1; then
            local c
            c=$(bah from scratch)
            bah add --quiet "$c" "$OUT/base.tar" / >/dev/null
            bah config --cmd bash "$c"
            bah commit --quiet --rm "$c" "$BASE" >"$OUT/base.id"
        fi
    fi
}

# Go, its caches and its settings are those of this machine.
make_tailscale() {
    [[ $SOURCE == go ]] || return 0
    command -v go >/dev/null || die "tailscaled is built with Go, which is not installed; IMAGE_TAILSCALE=official takes Tailscale's image"
    local name
    for name in GOPROXY GOSUMDB GONOSUMDB GONOPROXY GOPRIVATE GOFLAGS GOINSECURE; do
        printf '%s=%s\n' "$name" "$(go env "$name")"
    done >"$OUT/go.env"
    local lent=(--volume "$(go env GOROOT):/usr/local/go:ro" --volume "$(go env GOMODCACHE):/root/go/pkg/mod"
        --volume "$(go env GOCACHE):/root/.cache/go-build" --volume "$PWD/$OUT/go.env:/root/.config/go/env:ro"
        --volume /etc/ssl/certs:/etc/ssl/certs:ro)
    mkdir -p "$(go env GOMODCACHE)" "$(go env GOCACHE)"
    say "building tailscaled"
    quiet tailscale tools/image/buildah bud --layers --target tailscale-go "${lent[@]}" --build-arg GO_IMAGE="$BASE" \
        --build-arg TAILSCALE_VERSION="$TAILSCALE_VERSION" --tag localhost/tailscale .
}

make_image() {
    local volumes args=(--build-arg BASE="$BASE" --build-arg TAILSCALE_SOURCE=official)
    apt_volumes
    [[ $SOURCE != go ]] || args+=(--build-arg TAILSCALE_IMAGE=localhost/tailscale)
    args+=(--build-arg TAILSCALE_VERSION="$TAILSCALE_VERSION"
        --build-arg REVISION="$(git describe --always --dirty 2>/dev/null || echo unknown)")
    say "building $IMAGE"
    quiet image tools/image/buildah bud --layers "${volumes[@]}" "${args[@]}" --tag "$IMAGE" .
}

# bytes ROOT PATH...: of their files.
bytes() {
    local root=$1
    shift
    (cd "$root" && du -cbs -- "$@" | tail -n 1 | cut -f 1)
}

sizes() {
    local c base_c root base_root
    c=$(bah from "$IMAGE")
    base_c=$(bah from "$BASE")
    root=$(bah mount "$c")
    base_root=$(bah mount "$base_c")
    local whole base tailscale programs
    whole=$(bytes "$root" .)
    base=$(bytes "$base_root" .)
    tailscale=$(bytes "$root" usr/bin/tailscaled usr/bin/tailscale)
    programs=$(bytes "$root" usr/bin/superguppy usr/bin/groundcontrol)
    bah rm "$c" "$base_c" >/dev/null
    local own=$((whole - base - tailscale))
    printf '%s\n' "$whole $IMAGE" "$base Debian" "$tailscale tailscaled, tailscale" \
        "$programs superguppy, groundcontrol" "$((own - programs)) their libraries, CA certificates, licences" |
        awk '{ n = $1; $1 = ""; printf "%8.1f MB %s\n", n / 1e6, $0 }'
    ((own <= OWN_MAX)) || die "superguppy and what it brings take $own bytes of the image, $OWN_MAX are allowed"
}

TAILSCALE_VERSION=$(sed -n 's/^ARG TAILSCALE_VERSION=//p' Dockerfile | head -n 1)
mkdir -p "$OUT"
make_base
make_tailscale
make_image
sizes
