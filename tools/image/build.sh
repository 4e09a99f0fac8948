#!/usr/bin/env bash
# build.sh: the image of Dockerfile as localhost/superguppy, without Docker and its hub; then its size
# by part. All that it makes lies in build-image/, which may be deleted at any time. Environment:
#   IMAGE_BASE       an image to build on (docker.io/library/debian:12-slim); else mmdebstrap makes one
#   IMAGE_TAILSCALE  official, Tailscale's image; or go (the default), from source
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."
OUT=build-image
IMAGE=localhost/superguppy
BASE=${IMAGE_BASE-}
SOURCE=${IMAGE_TAILSCALE-go}
OWN_MAX=15000000 # bytes that Super Guppy, and what it brings, may take

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

# Layers are kept, to build faster next time, where that does not mean a copy of each.
build() {
    local layers=false
    bah images >/dev/null
    [[ $(<"$OUT/storage/driver") != overlay ]] || layers=true
    bah bud --layers="$layers" --identity-label=false "$@" .
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
    [[ -z $BASE ]] || return 0
    BASE=localhost/debian:12-slim
    say "making Debian 12"
    quiet base tools/image/base.sh "$OUT/base.tar"
    if [[ ! $OUT/base.id -nt $OUT/base.tar ]] || ! bah inspect --type image "$BASE" >/dev/null 2>&1; then
        local c
        c=$(bah from scratch)
        bah add --quiet "$c" "$OUT/base.tar" / >/dev/null
        chmod 755 "$(bah mount "$c")" # scratch has 555
        bah config --cmd bash "$c"
        bah commit --quiet --rm "$c" "$BASE" >"$OUT/base.id"
    fi
}

# Go, its caches and its settings are those of this machine.
make_tailscale() {
    [[ $SOURCE == go ]] || return 0
    command -v go >/dev/null || die "tailscaled is built with Go, which is not installed; IMAGE_TAILSCALE=official takes Tailscale's image"
    local name lent
    settings=$(mktemp)
    trap 'rm -f "$settings"' EXIT
    for name in GOPROXY GOSUMDB GONOSUMDB GONOPROXY GOPRIVATE GOFLAGS GOINSECURE; do
        printf '%s=%s\n' "$name" "$(go env "$name")"
    done >"$settings"
    lent=(--volume "$(go env GOROOT):/usr/local/go:ro" --volume "$(go env GOMODCACHE):/root/go/pkg/mod"
        --volume "$(go env GOCACHE):/root/.cache/go-build" --volume "$settings:/root/.config/go/env:ro"
        --volume /etc/ssl/certs:/etc/ssl/certs:ro)
    mkdir -p "$(go env GOMODCACHE)" "$(go env GOCACHE)"
    say "building tailscaled $TAILSCALE_VERSION"
    quiet tailscale build --target tailscale-go "${lent[@]}" --build-arg GO_IMAGE="$BASE" \
        --build-arg TAILSCALE_VERSION="$TAILSCALE_VERSION" --tag localhost/tailscale
}

make_image() {
    local volumes args=(--build-arg BASE="$BASE" --build-arg TAILSCALE_SOURCE=official)
    apt_volumes
    [[ $SOURCE != go ]] || args+=(--build-arg TAILSCALE_IMAGE=localhost/tailscale)
    args+=(--build-arg TAILSCALE_VERSION="$TAILSCALE_VERSION"
        --build-arg REVISION="$(git describe --always --dirty 2>/dev/null || echo unknown)")
    say "building $IMAGE"
    quiet image build "${volumes[@]}" "${args[@]}" --tag "$IMAGE"
    # What RUN --mount from another image leaves behind.
    local left
    mapfile -t left < <(bah containers --format '{{.ContainerName}}' | grep '^tailscale-working-container')
    ((${#left[@]} == 0)) || bah rm "${left[@]}" >/dev/null
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
    local whole base tailscale programs own
    whole=$(bytes "$root" .)
    base=$(bytes "$base_root" .)
    tailscale=$(bytes "$root" usr/bin/tailscaled usr/bin/tailscale)
    programs=$(bytes "$root" usr/bin/superguppy usr/bin/groundcontrol)
    bah rm "$c" "$base_c" >/dev/null
    own=$((whole - base - tailscale))
    printf '%s\n' "$whole $IMAGE" "$base Debian" "$tailscale tailscaled, tailscale" \
        "$programs superguppy, groundcontrol" "$((own - programs)) their libraries, CA certificates, licences" |
        awk '{ n = $1; $1 = ""; printf "%8.1f MB %s\n", n / 1e6, $0 }'
    ((own <= OWN_MAX)) || die "superguppy and what it brings take $own bytes of the image, $OWN_MAX are allowed"
}

TAILSCALE_VERSION=$(sed -n 's/^ARG TAILSCALE_VERSION=//p' Dockerfile | head -n 1)
mkdir -p "$OUT"
exec 9>"$OUT/lock"
flock 9
make_base
make_tailscale
make_image
sizes
say "$IMAGE is built, in $SECONDS s"
