/* The life of one process, as one table: state and event give an action and the next state. Nothing
 * else decides; docs/internals/supervisor.md is printed from it. An action may raise the next event
 * (a process without `pre` raises PRE_OK at once), so every process passes the same states. */
#pragma once

/* clang-format off */
/* state(NAME, "shown", "what it means") */
#define UNIT_STATES(state)                                                                         \
    state(DOWN, "down", "nothing of it runs; not started yet, stopped, or failed to start")        \
    state(PRE, "pre", "`pre` runs")                                                                \
    state(ABORTING, "aborting", "`pre` is being stopped, the start is off")                        \
    state(SPAWNING, "spawning", "`run` is forked, its exec not yet reported")                      \
    state(READYING, "starting", "`run` runs, `ready` not yet seen")                                \
    state(UP, "up", "started and ready")                                                           \
    state(DONE, "done", "one-shot: started, has no `run`")                                         \
    state(STOPPING, "stopping", "asked to stop by signal or command")                              \
    state(KILLING, "killing", "its group got SIGKILL, its end not yet seen")                       \
    state(LINGER, "lingering", "`run` ended, others of its group were sent SIGTERM")               \
    state(CLEANING, "cleaning", "what was left of the group got SIGKILL")                          \
    state(OVER, "over", "`run` and its group are gone, `post` has not run")                        \
    state(POST, "post", "`post` runs")                                                             \
    state(LEFT_POST, "left (post)", "`post` runs beside a `run` that could not be stopped")        \
    state(LEFT, "left", "could not be stopped, waits for the last sweep")                          \
    state(BACKOFF, "waiting", "waits before it is started again")

#define UNIT_EVENTS(event)                                                                         \
    event(START, "somebody wants it up")                                                           \
    event(STOP, "somebody wants it down")                                                          \
    event(FORCE, "it has to be down now")                                                          \
    event(PRE_OK, "`pre` exited 0, or there is none")                                              \
    event(PRE_FAILED, "`pre` failed, was killed or could not be run")                              \
    event(SPAWNED, "`run` was executed")                                                           \
    event(NO_RUN, "there is no `run`")                                                             \
    event(SPAWN_FAILED, "`run` could not be executed")                                             \
    event(READY, "`ready` succeeded, or there is none")                                            \
    event(SICK, "`live` failed too often")                                                         \
    event(STOP_FAILED, "the signal or the stop command failed")                                    \
    event(ENDED, "the leader of `run` ended")                                                      \
    event(GONE, "nobody is left in its group")                                                     \
    event(POST_ENDED, "`post` ended, whatever came of it, or there is none")                       \
    event(AGAIN, "it is to be started again after a pause")                                        \
    event(TIMEOUT, "the time of the state is over")

#define UNIT_ACTIONS(action)                                                                       \
    action(NONE, "stays as it is")                                                                 \
    action(START_PRE, "runs `pre`")                                                                \
    action(START_RUN, "runs `run`")                                                                \
    action(AWAIT_READY, "begins `ready`, arms ready-timeout")                                      \
    action(COME_UP, "begins `live`, tells who waited")                                             \
    action(SETTLE, "tells who waited that it is down")                                             \
    action(FAIL_START, "logs why, tells who waited that it is down")                               \
    action(STOP_PRE, "SIGTERM to the group of `pre`, arms stop-timeout")                           \
    action(KILL_PRE, "SIGKILL to the group of `pre`")                                              \
    action(ASK_STOP, "sends the signal or runs the stop command, arms stop-timeout")               \
    action(KILL, "SIGKILL to the group of `run` and of the stop command")                          \
    action(SWEEP_GROUP, "SIGTERM to what is left of the group, arms stop-timeout")                 \
    action(KILL_GROUP, "SIGKILL to what is left of the group")                                     \
    action(JUDGE_END, "decides: stop asked or restart due, go on to `post`; else tells that it ended")\
    action(RUN_POST, "runs `post`, arms stop-timeout")                                             \
    action(KILL_POST, "SIGKILL to the group of `post`")                                            \
    action(WAIT_TURN, "arms the back-off")
/* clang-format on */

#define UNIT_STATE_ENUM(name, shown, what) UNIT_##name,
enum unit_state { UNIT_STATES(UNIT_STATE_ENUM) UNIT_STATE_COUNT };
#define UNIT_EVENT_ENUM(name, what) EVENT_##name,
enum unit_event { UNIT_EVENTS(UNIT_EVENT_ENUM) UNIT_EVENT_COUNT };

#define UNIT_ACTION_ENUM(name, what) ACTION_##name,
enum unit_action { UNIT_ACTIONS(UNIT_ACTION_ENUM) UNIT_ACTION_COUNT };

/* `here` false: this event cannot come in this state; it is ignored (a late report of something
 * that the state has already gone past). */
struct unit_edge {
    enum unit_action action;
    enum unit_state next;
    unsigned char here;
};

extern const struct unit_edge unit_table[UNIT_STATE_COUNT][UNIT_EVENT_COUNT];

const char *unit_state_name(enum unit_state s); /* as shown by status */
const char *unit_event_name(enum unit_event e);
const char *unit_action_name(enum unit_action a);
