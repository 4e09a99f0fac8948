/* One listener as a URL: http://127.0.0.1:8000?anonymous=read , unix:/run/x.sock?mode=0660 .
 * Pure; any thread. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

enum listen_scheme { LISTEN_HTTP, LISTEN_UNIX };
enum listen_identity { LISTEN_NO_IDENTITY, LISTEN_TAILSCALE, LISTEN_HEADER };

struct listen_url {
    enum listen_scheme scheme;
    struct str text;               /* as given */
    struct str host;               /* name or address without brackets */
    uint16_t port;                 /* 0: a free one */
    struct str path;               /* unix */
    unsigned mode;                 /* unix; default 0660 */
    bool anonymous_read;           /* anonymous=read */
    bool token_reads;              /* token_reads=true: an unknown peer gets 401, not 403 */
    bool only_health;              /* only=health */
    enum listen_identity identity; /* identity=tailscale (http), identity=header (unix) */
    struct str header; /* identity=header: the field that names the user; X-Forwarded-User */
    struct str *peers; /* identity=header: users or uids that may connect; at least one */
    size_t n_peers;
    bool is_tailnet;  /* host is "tailnet": wherever this node is reached on its tailnet */
    bool is_loopback; /* host is in 127.0.0.0/8, ::1 or "localhost" */
    bool is_builtin;  /* nobody configured it; see config.h */
};

/* Unknown schemes, keys and values are ERR_USAGE naming the allowed ones. https says that
 * this version does not have it yet. Names may not be wildcards where identity=tailscale: in TUN
 * mode the source address is the credential. */
int listen_url_parse(
    struct arena *a, struct str text, struct listen_url *ret, struct err *e) MUST_CHECK;
