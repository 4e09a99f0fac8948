/* Identity by a header field that a proxy sets: on unix sockets with identity=header alone, and
 * only from peers whose uid the listener lists. Loop thread only. */
#pragma once
#include "api/internal.h"

/* Calls then once c->peer or c->refusal is set, at once or later. */
void trusted_identify(struct call *c, void (*then)(struct call *c));
