/* sd_notify's socket for one process: an abstract datagram socket with a name nobody can guess. */
#pragma once
#include "base/str.h"
#include "supervisor/events.h"

enum notify_message { NOTIFY_READY, NOTIFY_WATCHDOG, NOTIFY_STATUS };

struct notify {
    struct watch watch; /* fd -1: closed */
    struct events *ev;
    char address[64]; /* for NOTIFY_SOCKET: "@…" */
    void *owner;
    void (*message)(
        struct notify *n, enum notify_message what, struct str status); /* STATUS: its text */
};

int notify_open(struct notify *n, struct events *ev, struct err *e) MUST_CHECK;
void notify_close(struct notify *n);
/* Reads the lines of one datagram and calls message for those it knows; unknown ones are ignored.
 * Pure but for the call. */
void notify_parse(struct notify *n, struct str datagram);
