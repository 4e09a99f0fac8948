/* [env] replaces what was there. RUST_LOG=info is added where nobody set it, because Ground
 * Control did so and programs started under it log by it. */
#include "supervisor/supervise_private.h"

#include <string.h>

static bool names(const char *entry, const char *name)
{
    size_t n = strlen(name);
    return strncmp(entry, name, n) == 0 && entry[n] == '=';
}

static size_t set(char **list, size_t n, struct arena *a, const char *name, const char *value)
{
    char *entry = str_cstr(a, arena_printf(a, "%s=%s", name, value));
    for (size_t i = 0; i < n; i++)
        if (names(list[i], name)) {
            list[i] = entry;
            return n;
        }
    list[n] = entry;
    return n + 1;
}

char **environ_build(const struct conf *c, char **base, struct arena *a)
{
    size_t n = 0;
    while (base[n])
        n++;
    char **list = arena_array(a, n + c->env_n + 2, sizeof *list);
    bool logs = false;
    for (size_t i = 0; i < n; i++) {
        list[i] = base[i];
        logs = logs || names(base[i], "RUST_LOG");
    }
    if (!logs)
        n = set(list, n, a, "RUST_LOG", "info");
    for (size_t i = 0; i < c->env_n; i++)
        n = set(list, n, a, c->env[i].name, c->env[i].value);
    return list;
}
