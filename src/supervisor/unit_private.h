/* Between unit.c and unit_act.c. */
#pragma once
#include "supervisor/unit.h"

/* By action of the table. */
extern void (*const unit_actions[UNIT_ACTION_COUNT])(struct unit *u);
