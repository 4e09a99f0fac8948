/* The request body, whatever carries it: what the limits say, and the sink's three calls. After a
 * reply or an abort no sink call comes any more. */
#include "http/conn.h"

#define TOO_LARGE "the body is larger than this request may have"

bool body_length_fits(struct exchange *ex)
{
    if (ex->req.body_len <= 0 || (uint64_t)ex->req.body_len <= ex->body_max)
        return true;
    body_abort(ex, ERR_TOO_LARGE, TOO_LARGE);
    return false;
}

void body_data(struct exchange *ex, struct str bytes)
{
    ex->body_got += bytes.n;
    ex->recv_rate.bytes += bytes.n;
    if (ex->body_got > ex->body_max)
        body_abort(ex, ERR_TOO_LARGE, TOO_LARGE);
    else
        ex->sink.on_data(&ex->req, bytes);
}

void body_end(struct exchange *ex)
{
    ex->body = BODY_NONE;
    ex->sink.on_end(&ex->req);
}

void body_abort(struct exchange *ex, enum err_kind kind, const char *text)
{
    bool asked = ex->body == BODY_READING || ex->body == BODY_PAUSED;
    if (ex->body != BODY_NONE)
        body_refuse(ex);
    if (!asked || ex->replied) {
        ex->cut_short = true; /* told when it is asked for */
        return;
    }
    struct err why = ERR_INIT;
    (void)err_set(&why, kind, "%s", text);
    ex->sink.on_abort(&ex->req, &why);
}

void body_refuse(struct exchange *ex)
{
    ex->body = BODY_REFUSED;
    ex->close_after = true;
    if (ex->conn && ex->req.version == HTTP_2 && !ex->stream_gone)
        h2_body_dropped(ex);
}

void body_check_time(struct exchange *ex, int64_t now)
{
    const struct http_limits *l = &ex->server->limits;
    if (ex->body != BODY_READING)
        return;
    if (now - ex->body_since_ms >= l->body_ms)
        body_abort(ex, ERR_TIMEOUT, "the body took too long to arrive");
    else if (rate_too_slow(&ex->recv_rate, now, l))
        body_abort(ex, ERR_TIMEOUT, "the body arrived too slowly");
}
