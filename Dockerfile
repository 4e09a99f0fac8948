# The turnkey image: groundcontrol starts tailscaled, the registry and the way into the tailnet.
#
#     docker build -t superguppy .
#     docker run -d -v superguppy:/data -e PRIVATE_REPO_HOSTNAME=crates superguppy
#
# Where there is neither Docker nor its hub, `./dev image` builds it with buildah; then the image
# has to be built with `--format docker`, or HEALTHCHECK is lost.
#
# A release is built with the digests of its bases, NAME:TAG@sha256:… in BASE and TAILSCALE_IMAGE.
ARG BASE=docker.io/library/debian:12-slim
# Where tailscaled and tailscale come from: `official`, Tailscale's own image; or `go`, their source
# from Go's module proxy, with the features that a registry's node has use for.
ARG TAILSCALE_SOURCE=official
ARG TAILSCALE_VERSION=1.102.3
ARG TAILSCALE_IMAGE=docker.io/tailscale/tailscale:v${TAILSCALE_VERSION}
ARG GO_IMAGE=docker.io/library/golang:1.26-bookworm

FROM ${BASE} AS build
# hadolint ignore=DL3008 # an old version is gone from the mirror once a security fix replaces it
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates gcc libc6-dev meson ninja-build pkg-config python3 \
        libssl-dev zlib1g-dev libjansson-dev libnghttp2-dev libsqlite3-dev libutf8proc-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY meson.build meson_options.txt ./
COPY tools tools
COPY tests/support tests/support
COPY src src
RUN meson setup /build --buildtype=release --prefix=/usr -Dtests=disabled \
    && ninja -C /build \
    && DESTDIR=/out meson install -C /build --no-rebuild --strip

FROM ${TAILSCALE_IMAGE} AS tailscale-official

FROM ${GO_IMAGE} AS tailscale-go
ARG TAILSCALE_VERSION
COPY tools/image/tailscale.sh /
RUN PATH=$PATH:/usr/local/go/bin /tailscale.sh "${TAILSCALE_VERSION}" /usr/local/bin

# hadolint ignore=DL3006 # its tag is that of TAILSCALE_IMAGE
FROM tailscale-${TAILSCALE_SOURCE} AS tailscale

FROM ${BASE}
# The libraries that the registry is linked to. Nobody here gains rights by running a program:
# what Debian marks as setuid is not.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        libssl3 zlib1g libjansson4 libnghttp2-14 libsqlite3-0 libutf8proc2 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/cache/ldconfig/* /var/log/* \
        /var/lib/dpkg/*-old \
    && find / -xdev -type f -perm /6000 -exec chmod a-s {} + \
    && groupadd --gid 10001 superguppy \
    && groupadd --gid 10002 tailnet \
    && groupadd --gid 10003 tailscale \
    && useradd --uid 10001 --gid 10001 --groups tailnet --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin superguppy \
    && useradd --uid 10003 --gid 10003 --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin tailscale \
    && mkdir /data \
    && rm -f /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow- /etc/subuid- /etc/subgid-
# The bundle alone: the package would bring the openssl program.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
# COPY would make two programs of one with two names.
RUN --mount=type=bind,from=tailscale,source=/usr/local/bin,target=/tailscale \
    cp -a /tailscale/tailscaled /tailscale/tailscale /usr/bin/
COPY --from=build /out/usr/bin/superguppy /out/usr/bin/groundcontrol /usr/bin/
COPY deploy/image/NOTICE LICENSE-MIT LICENSE-APACHE /usr/share/doc/superguppy/
COPY deploy/image/groundcontrol.toml /etc/superguppy/groundcontrol.toml
RUN groundcontrol --check --strict /etc/superguppy/groundcontrol.toml \
    && superguppy --version \
    && tailscale --version

# Every setting of docs/configuration.md can be given in the same way.
ENV SUPERGUPPY_SERVER__DATA=/data/superguppy \
    SUPERGUPPY_SERVER__LISTEN="http://tailnet:80?identity=tailscale http://0.0.0.0:8081?only=health" \
    SUPERGUPPY_TAILSCALE__SOCKET=/run/tailscale/tailscaled.sock

# No VOLUME: an anonymous one would be taken for the mount at /data, and lost with the container.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["/usr/bin/superguppy", "health", "--url", "http://127.0.0.1:8081"]
# Root, to give each process its user; all but groundcontrol itself have one.
ENTRYPOINT ["/usr/bin/groundcontrol", "/etc/superguppy/groundcontrol.toml"]

ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Super Guppy" \
    org.opencontainers.image.description="A private Cargo registry on your tailnet" \
    org.opencontainers.image.licenses="(MIT OR Apache-2.0) AND BSD-3-Clause" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"
