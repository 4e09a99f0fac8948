/* Any datagram: what is told are lines of it, no more than it has, and what is told of a status
 * says the same again. */
#include "supervisor/notify.h"

#include <assert.h>
#include <string.h>

struct ear {
    struct str datagram;
    size_t told;
    struct str status; /* the last one */
};

static void hear(struct notify *n, enum notify_message what, struct str status)
{
    struct ear *ear = n->owner;
    ear->told++;
    if (what != NOTIFY_STATUS) {
        assert(status.n == 0);
        return;
    }
    assert(!str_has(status, '\n') && !str_has(status, '\0'));
    assert(status.p >= ear->datagram.p);
    assert(status.p + status.n <= ear->datagram.p + ear->datagram.n);
    ear->status = status;
}

static size_t lines(struct str s)
{
    size_t n = s.n > 0;
    for (size_t i = 0; i < s.n; i++)
        n += s.p[i] == '\n';
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ear ear = { .datagram = { (const char *)data, size } };
    struct notify n = { .watch.fd = -1, .owner = &ear, .message = hear };
    notify_parse(&n, ear.datagram);
    assert(ear.told <= lines(ear.datagram));
    if (!ear.status.p)
        return 0;
    struct ear again = { .datagram = { ear.status.p - 7, ear.status.n + 7 } };
    n.owner = &again;
    notify_parse(&n, again.datagram);
    assert(again.told == 1 && str_eq(again.status, ear.status));
    return 0;
}
