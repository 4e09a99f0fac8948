/* Between a prober and its tries over the network. */
#pragma once
#include "supervisor/probe.h"

/* The try that runs has come to an end. Not ok: p->why says why. The last thing a caller does: p
 * may be at rest or gone after it. Nothing happens if no try runs. */
void prober_tried(struct prober *p, bool ok);
/* p->why from errno's number. */
void prober_why_errno(struct prober *p, int error);

/* tcp, http: begins a try, whose end comes by prober_tried, at once or from the loop. */
void prober_net_try(struct prober *p);
void prober_net_stop(struct prober *p); /* no try: nothing */
