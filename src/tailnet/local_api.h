/* One question to tailscaled's LocalAPI: GET over the unix socket, HTTP/1.0, read to the end.
 * Loop thread only. */
#pragma once
#include "base/buf.h"
#include "http/loop.h"

#define LOCAL_API_HOST "local-tailscaled.sock"
#define LOCAL_API_MAX (4u << 20) /* bytes of an answer */

struct local_call;
/* status 0: no answer, e says why (ERR_BUSY: gone or too slow; ERR_INVALID: no HTTP, or a listener
 * that is not to be trusted); body is borrowed during the call. */
typedef void (*local_call_fn)(void *ctx, unsigned status, struct str body, const struct err *e);
/* path: "/localapi/v0/…". fn is called exactly once, never before this returns, unless cancelled.
 */
struct local_call *local_call_new(struct loop *l, struct str socket, struct str path,
    int64_t deadline_mono_ms, local_call_fn fn, void *ctx);
void local_call_cancel(struct local_call *c); /* fn is not called */

/* Who may listen there: root, ourselves, or the owner of the folder the socket is in, and that
 * folder may not be one in which others can replace files. fd is connected. */
int local_api_check_listener(int fd, struct str socket, struct err *e) MUST_CHECK;
/* Splits a whole HTTP/1.x answer (also a chunked one); ERR_INVALID unless it is one. *ret_body may
 * be decoded in place: text is changed. */
int local_api_split(
    struct buf *text, unsigned *ret_status, struct str *ret_body, struct err *e) MUST_CHECK;
