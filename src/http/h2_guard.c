/* nghttp2 1.52 limits some floods (resets, CONTINUATION, queued acknowledgements) and not others
 * (stream errors it is made to send, empty DATA, PRIORITY, WINDOW_UPDATE). One budget for all of
 * them: each costs credit, time and answered requests give it back, and a peer without credit gets
 * GOAWAY ENHANCE_YOUR_CALM. A client that takes 200 requests back at once is within it. */
#include "http/h2.h"

#define CREDIT_MAX 10000
#define CREDIT_PER_SECOND 500
#define EARN_ANSWER 10
#define EARN_BYTES 4096 /* of body sent give one back: large downloads need many WINDOW_UPDATEs */

static const int64_t price[] = {
    [H2_CHARGE_RESET] = 25,
    [H2_CHARGE_INVALID] = 50,
    [H2_CHARGE_EMPTY] = 20,
    [H2_CHARGE_CONTROL] = 10,
    [H2_CHARGE_MINOR] = 1,
};

static void add(struct h2 *h2, int64_t n)
{
    h2->credit += n;
    if (h2->credit > CREDIT_MAX)
        h2->credit = CREDIT_MAX;
}

void h2_guard_init(struct h2 *h2)
{
    h2->credit = CREDIT_MAX;
    h2->credit_ms = loop_now_ms(h2->c->server->loop);
}

void h2_charge(struct h2 *h2, enum h2_charge what)
{
    int64_t now = loop_now_ms(h2->c->server->loop);
    if (now > h2->credit_ms) {
        int64_t span = now - h2->credit_ms;
        add(h2, span > CREDIT_MAX ? CREDIT_MAX : span * CREDIT_PER_SECOND / 1000);
        h2->credit_ms = now;
    }
    h2->credit -= price[what];
    if (h2->credit < 0 && !h2->calmed) {
        h2->calmed = true;
        h2_goaway(h2->c, NGHTTP2_ENHANCE_YOUR_CALM);
    }
}

void h2_earn(struct h2 *h2, uint64_t body_bytes)
{
    add(h2, EARN_ANSWER + (int64_t)(body_bytes / EARN_BYTES));
}
