/* Texts from outside made fit to print: as a TOML string, on one line, without what would move a
 * terminal's cursor. Pure; any thread. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

/* The whole text between double quotes, escaped as TOML 1.0 asks. A byte that is no UTF-8, which
 * TOML cannot say, becomes U+FFFD. */
void quote_toml(struct buf *out, struct str s);
/* The same for messages: cut after some 80 bytes. */
struct str quote_short(struct arena *a, struct str s);
