/* Prints docs/internals/supervisor.md from the table of states in the code. A test holds the page
 * to what this prints. */
#include "supervisor/state.h"

#include <stdbool.h>
#include <stdio.h>

#define WHAT_OF_STATE(name, shown, what) what,
#define WHAT(name, what) what,
#define NAME_OF_STATE(name, shown, what) #name,

static const char *const state_names[] = { UNIT_STATES(NAME_OF_STATE) };
static const char *const state_whats[] = { UNIT_STATES(WHAT_OF_STATE) };
static const char *const event_whats[] = { UNIT_EVENTS(WHAT) };
static const char *const action_whats[] = { UNIT_ACTIONS(WHAT) };

static void put(const char *text)
{
    (void)fputs(text, stdout);
}

static void put_introduction(void)
{
    put("# States of a supervised process\n"
        "\n"
        "Printed by `tests/support/state_table.c` from the table in\n"
        "`src/supervisor/state.[ch]`. Do not edit it by hand; when the table has changed, run\n"
        "\n"
        "```\n"
        "build-asan/tests/state_table > docs/internals/supervisor.md\n"
        "```\n"
        "\n"
        "What `groundcontrol` does for its users is in [supervisor.md](../supervisor.md).\n"
        "\n"
        "Each process of a `groundcontrol.toml` is in one of the states below. Something\n"
        "happens, an **event**: the table says for this state and this event which **action**\n"
        "is done and which state comes next. Nothing else in the code decides that. An action\n"
        "may cause the next event by itself: a process without `pre` goes from `DOWN` to `PRE`\n"
        "like any other, and the action there, finding nothing to run, raises `PRE_OK` at once.\n"
        "So every process passes the same states, whatever its file says.\n"
        "\n"
        "An event that the table does not have for a state is ignored: it is a late report of\n"
        "something that the state has already gone past.\n"
        "\n"
        "The states are of one process. When which process is started and stopped is up to\n"
        "`src/supervisor/supervise.c`, which raises `START`, `STOP` and `FORCE` and looks at\n"
        "the states. A timeout is always the clock of the state that the process is in.\n");
}

/* All events that lead from one state to another make one arrow. */
static void put_arrow(int from, int to)
{
    bool any = false;
    for (int e = 0; e < UNIT_EVENT_COUNT; e++) {
        const struct unit_edge *edge = &unit_table[from][e];
        if (!edge->here || (int)edge->next != to)
            continue;
        if (any)
            printf(", %s", unit_event_name((enum unit_event)e));
        else
            printf("    %s --> %s: %s", state_names[from], state_names[to],
                unit_event_name((enum unit_event)e));
        any = true;
    }
    if (any)
        put("\n");
}

static void put_diagram(void)
{
    put("\n"
        "## The drawing\n"
        "\n"
        "An arrow is named after the events that take it. Events that leave the process in its\n"
        "state are in [the table](#state-and-event) alone.\n"
        "\n"
        "```mermaid\n"
        "stateDiagram-v2\n"
        "    [*] --> DOWN\n");
    for (int from = 0; from < UNIT_STATE_COUNT; from++)
        for (int to = 0; to < UNIT_STATE_COUNT; to++)
            if (from != to)
                put_arrow(from, to);
    put("```\n");
}

static void put_states(void)
{
    put("\n## States\n"
        "\n"
        "`status` on the control socket shows the second column.\n"
        "\n"
        "| state | shown as | meaning |\n"
        "|---|---|---|\n");
    for (int s = 0; s < UNIT_STATE_COUNT; s++)
        printf("| `%s` | %s | %s |\n", state_names[s], unit_state_name((enum unit_state)s),
            state_whats[s]);
}

static void put_events(void)
{
    put("\n## Events\n"
        "\n"
        "| event | meaning |\n"
        "|---|---|\n");
    for (int e = 0; e < UNIT_EVENT_COUNT; e++)
        printf("| `%s` | %s |\n", unit_event_name((enum unit_event)e), event_whats[e]);
}

static bool is_used(int action)
{
    for (int s = 0; s < UNIT_STATE_COUNT; s++)
        for (int e = 0; e < UNIT_EVENT_COUNT; e++)
            if (unit_table[s][e].here && (int)unit_table[s][e].action == action)
                return true;
    return false;
}

static void put_actions(void)
{
    put("\n## Actions\n"
        "\n"
        "| action | what it does |\n"
        "|---|---|\n");
    for (int a = 0; a < UNIT_ACTION_COUNT; a++)
        if (is_used(a))
            printf("| `%s` | %s |\n", unit_action_name((enum unit_action)a), action_whats[a]);
}

static void put_edges(int s)
{
    for (int e = 0; e < UNIT_EVENT_COUNT; e++) {
        const struct unit_edge *edge = &unit_table[s][e];
        if (edge->here)
            printf("| `%s` | `%s` | `%s` | `%s` |\n", state_names[s],
                unit_event_name((enum unit_event)e), unit_action_name(edge->action),
                state_names[edge->next]);
    }
}

static void put_table(void)
{
    put("\n## State and event\n"
        "\n"
        "| in state | on event | does | next state |\n"
        "|---|---|---|---|\n");
    for (int s = 0; s < UNIT_STATE_COUNT; s++)
        put_edges(s);
}

int main(void)
{
    put_introduction();
    put_diagram();
    put_states();
    put_events();
    put_actions();
    put_table();
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
