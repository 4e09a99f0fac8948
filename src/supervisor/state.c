/* One row for each state. What is not written cannot happen there. FORCE ends in the same states as
 * a stop that timed out; a forced process runs no `post` (the action sees to that). */
#include "supervisor/state.h"

#define ON(event, act, to) [EVENT_##event] = { ACTION_##act, UNIT_##to, 1 }

/* clang-format off */
const struct unit_edge unit_table[UNIT_STATE_COUNT][UNIT_EVENT_COUNT] = {
    [UNIT_DOWN] = {
        ON(START, START_PRE, PRE),
        ON(STOP, SETTLE, DOWN),
        ON(FORCE, SETTLE, DOWN),
        ON(AGAIN, WAIT_TURN, BACKOFF),
    },
    [UNIT_PRE] = {
        ON(PRE_OK, START_RUN, SPAWNING),
        ON(PRE_FAILED, FAIL_START, DOWN),
        ON(STOP, STOP_PRE, ABORTING),
        ON(FORCE, KILL_PRE, ABORTING),
    },
    [UNIT_ABORTING] = {
        ON(PRE_OK, SETTLE, DOWN),
        ON(PRE_FAILED, SETTLE, DOWN),
        ON(TIMEOUT, KILL_PRE, ABORTING),
        ON(STOP, NONE, ABORTING),
        ON(FORCE, KILL_PRE, ABORTING),
    },
    [UNIT_SPAWNING] = {
        ON(SPAWNED, AWAIT_READY, READYING),
        ON(NO_RUN, COME_UP, DONE),
        ON(SPAWN_FAILED, FAIL_START, DOWN),
        ON(STOP, KILL, KILLING),
        ON(FORCE, KILL, KILLING),
    },
    [UNIT_READYING] = {
        ON(READY, COME_UP, UP),
        ON(ENDED, SWEEP_GROUP, LINGER),
        ON(TIMEOUT, KILL, KILLING),
        ON(STOP, ASK_STOP, STOPPING),
        ON(FORCE, KILL, KILLING),
    },
    [UNIT_UP] = {
        ON(ENDED, SWEEP_GROUP, LINGER),
        ON(SICK, KILL, KILLING),
        ON(STOP, ASK_STOP, STOPPING),
        ON(FORCE, KILL, KILLING),
    },
    [UNIT_DONE] = {
        ON(STOP, RUN_POST, POST),
        ON(FORCE, RUN_POST, POST),
    },
    [UNIT_STOPPING] = {
        ON(ENDED, SWEEP_GROUP, LINGER),
        ON(TIMEOUT, KILL, KILLING),
        ON(STOP_FAILED, RUN_POST, LEFT_POST),
        ON(STOP, NONE, STOPPING),
        ON(FORCE, KILL, KILLING),
    },
    [UNIT_KILLING] = {
        ON(ENDED, SWEEP_GROUP, LINGER),
        ON(TIMEOUT, RUN_POST, LEFT_POST),
        ON(STOP, NONE, KILLING),
        ON(FORCE, KILL, KILLING),
    },
    [UNIT_LINGER] = {
        ON(GONE, JUDGE_END, OVER),
        ON(TIMEOUT, KILL_GROUP, CLEANING),
        ON(STOP, NONE, LINGER),
        ON(FORCE, KILL_GROUP, CLEANING),
    },
    [UNIT_CLEANING] = {
        ON(GONE, JUDGE_END, OVER),
        ON(TIMEOUT, JUDGE_END, OVER),
        ON(STOP, NONE, CLEANING),
        ON(FORCE, KILL_GROUP, CLEANING),
    },
    [UNIT_OVER] = {
        ON(STOP, RUN_POST, POST),
        ON(FORCE, RUN_POST, POST),
    },
    [UNIT_POST] = {
        ON(POST_ENDED, SETTLE, DOWN),
        ON(TIMEOUT, KILL_POST, POST),
        ON(STOP, NONE, POST),
        ON(FORCE, KILL_POST, POST),
    },
    [UNIT_LEFT_POST] = {
        ON(POST_ENDED, SETTLE, LEFT),
        ON(ENDED, NONE, POST),
        ON(TIMEOUT, KILL_POST, LEFT_POST),
        ON(STOP, NONE, LEFT_POST),
        ON(FORCE, KILL_POST, LEFT_POST),
    },
    [UNIT_LEFT] = {
        ON(ENDED, SETTLE, DOWN),
        ON(STOP, SETTLE, LEFT),
        ON(FORCE, SETTLE, LEFT),
    },
    [UNIT_BACKOFF] = {
        ON(TIMEOUT, START_PRE, PRE),
        ON(STOP, SETTLE, DOWN),
        ON(FORCE, SETTLE, DOWN),
    },
};
/* clang-format on */

#define SHOWN(name, shown, what) shown,
static const char *const state_names[] = { UNIT_STATES(SHOWN) };
#define NAMED(name, what) #name,
static const char *const event_names[] = { UNIT_EVENTS(NAMED) };
static const char *const action_names[] = { UNIT_ACTIONS(NAMED) };

const char *unit_state_name(enum unit_state s)
{
    return state_names[s];
}

const char *unit_event_name(enum unit_event e)
{
    return event_names[e];
}

const char *unit_action_name(enum unit_action a)
{
    return action_names[a];
}
