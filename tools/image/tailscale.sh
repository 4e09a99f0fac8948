#!/usr/bin/env bash
# tailscale.sh VERSION DIR: tailscaled and tailscale of that version from Go's module proxy into DIR,
# one program under two names: with ts_include_cli it is the client when it is called tailscale.
set -euo pipefail
version=$1
export CGO_ENABLED=0 GOTOOLCHAIN=local GOBIN=$2
# All that a node needs which is reached through userspace networking, however it joins and whatever
# its tailnet demands of it (tailnetlock, posture). Left out: what would only take memory.
features=(acme bakedroots c2n cachenetmap captiveportal cliconndiag clientmetrics debug dns gro health hujsonconf
    identityfederation ipnbus logtail netlog netstack oauthkey outboundproxy peerapiclient peerapiserver portmapper
    posture serve syspolicy tailnetlock unixsocketidentity usermetrics useproxy)
tags=$(go run "tailscale.com/cmd/featuretags@v$version" --min --add="$(IFS=, && echo "${features[*]}")")
stamp=tailscale.com/version
go install -tags "$tags,ts_include_cli" \
    -ldflags "-s -w -X $stamp.longStamp=$version -X $stamp.shortStamp=$version" \
    "tailscale.com/cmd/tailscaled@v$version"
ln -sf tailscaled "$GOBIN/tailscale"
