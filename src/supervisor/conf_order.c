/* The start order: the file's, and what a process depends on, also in the file's order, moved ahead
 * of it. A walk with its own stack, which on a cycle holds just the chain that the message shows.
 * Names are found by halving, since a hostile list may name a thousand processes a thousand times.
 */
#include "base/buf.h"
#include "supervisor/conf_private.h"

#include <stdlib.h>
#include <string.h>

#define CHAIN_SHOWN 200

enum colour { NEW, OPEN, DONE };

struct walk {
    struct conf_reader *r;
    struct process *ps;
    size_t n;
    const struct toml_value *const *depends;
    size_t *by_name;             /* indices, by name and then by place */
    enum colour *colour;         /* of each process */
    size_t *stack, *next, depth; /* next[d]: which of its dependencies comes next */
    size_t *order, done;
};

static int compare_names(const void *a, const void *b, void *ctx)
{
    const struct process *ps = ctx;
    size_t i = *(const size_t *)a, j = *(const size_t *)b;
    int c = strcmp(ps[i].name, ps[j].name);
    return c ? c : (i > j) - (i < j);
}

/* Place in by_name of the first with that name; n when there is none. */
static size_t find_name(const struct walk *w, struct str name)
{
    size_t low = 0, high = w->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (str_cmp(str_from(w->ps[w->by_name[mid]].name), name) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low < w->n && str_eq(str_from(w->ps[w->by_name[low]].name), name) ? low : w->n;
}

static bool same_name(const struct walk *w, size_t a, size_t b)
{
    return a < w->n && b < w->n &&
           strcmp(w->ps[w->by_name[a]].name, w->ps[w->by_name[b]].name) == 0;
}

static void say_where(struct walk *w, size_t i)
{
    w->r->where = arena_printf(w->r->tmp, "process %s: ", conf_show(w->r, w->ps[i].name)).p;
}

static int resolve_one(struct walk *w, size_t self, const struct toml_value *v, size_t *ret)
{
    struct conf_item it = { "depends-on", v };
    size_t at = find_name(w, v->string);
    const char *shown = conf_show(w->r, str_cstr(w->r->tmp, v->string));
    if (at == w->n)
        return conf_bad(
            w->r, it, "there is no process %s; write the name of one in this file", shown);
    size_t i = w->by_name[at];
    if (strcmp(w->ps[self].name, w->ps[i].name) == 0)
        return conf_bad(w->r, it, "the process depends on itself (%s -> %s); leave %s out", shown,
            shown, shown);
    if (same_name(w, at, at + 1))
        return conf_bad(w->r, it,
            "%s is the name of two processes, in lines %d and %d; give each "
            "its own name",
            shown, w->ps[i].line, w->ps[w->by_name[at + 1]].line);
    if (!w->ps[i].pre && !w->ps[i].run)
        return conf_bad(w->r, it,
            "%s has neither pre nor run, so it never starts anything; give it "
            "one, or leave it out here",
            shown);
    *ret = i;
    return 0;
}

/* Once each and in the order of the file, however they are written. */
static int resolve(struct walk *w, size_t self)
{
    const struct toml_value *list = w->depends[self];
    if (!list || list->array.n == 0)
        return 0;
    bool *named = arena_array(w->r->tmp, w->n, sizeof(*named));
    size_t count = 0;
    for (size_t k = 0; k < list->array.n; k++) {
        size_t i = 0;
        if (resolve_one(w, self, list->array.items[k], &i) < 0)
            return -1;
        count += !named[i];
        named[i] = true;
    }
    size_t *all = arena_array(w->r->keep, count, sizeof(*all));
    for (size_t i = 0, k = 0; i < w->n; i++) {
        if (named[i])
            all[k++] = i;
    }
    w->ps[self].depends = all;
    w->ps[self].depends_n = count;
    return 0;
}

static int bad_cycle(struct walk *w, size_t back)
{
    size_t from = 0;
    while (w->stack[from] != back)
        from++;
    struct buf chain = BUF_INIT(CHAIN_SHOWN);
    for (size_t d = from; d < w->depth; d++)
        buf_addf(&chain, "%s -> ", conf_show(w->r, w->ps[w->stack[d]].name));
    say_where(w, back);
    struct conf_item it = { "depends-on", w->depends[back] };
    int ret = conf_bad(w->r, it,
        "the processes wait for each other in a circle: %" STR_FMT "%s%s; "
        "leave one of them out",
        STR_ARG(buf_str(&chain)), buf_ok(&chain) ? "" : "... -> ",
        conf_show(w->r, w->ps[back].name));
    buf_deinit(&chain);
    return ret;
}

static int visit(struct walk *w, size_t i)
{
    if (w->colour[i] == DONE)
        return 0;
    if (w->colour[i] == OPEN)
        return bad_cycle(w, i);
    w->colour[i] = OPEN;
    w->next[w->depth] = 0;
    w->stack[w->depth++] = i;
    return 0;
}

static int walk_from(struct walk *w, size_t start)
{
    if (visit(w, start) < 0)
        return -1;
    while (w->depth > 0) {
        size_t top = w->stack[w->depth - 1], k = w->next[w->depth - 1]++;
        if (k < w->ps[top].depends_n) {
            if (visit(w, w->ps[top].depends[k]) < 0)
                return -1;
            continue;
        }
        w->colour[top] = DONE;
        w->order[w->done++] = top;
        w->depth--;
    }
    return 0;
}

static int walk_all(struct walk *w)
{
    for (size_t i = 0; i < w->n; i++)
        w->by_name[i] = i;
    qsort_r(w->by_name, w->n, sizeof(*w->by_name), compare_names, w->ps);
    for (size_t i = 0; i < w->n; i++) {
        if (!w->depends[i])
            continue;
        say_where(w, i);
        if (resolve(w, i) < 0)
            return -1;
    }
    for (size_t i = 0; i < w->n; i++) {
        if (walk_from(w, i) < 0)
            return -1;
    }
    return 0;
}

int conf_order(struct conf_reader *r, struct process *ps, size_t n,
    const struct toml_value *const *depends, const size_t **ret)
{
    struct walk w = { .r = r, .ps = ps, .n = n, .depends = depends };
    w.by_name = arena_array(r->tmp, n, sizeof(size_t));
    w.colour = arena_array(r->tmp, n, sizeof(*w.colour));
    w.stack = arena_array(r->tmp, n, sizeof(size_t));
    w.next = arena_array(r->tmp, n, sizeof(size_t));
    w.order = arena_array(r->keep, n, sizeof(size_t));
    *ret = w.order;
    return walk_all(&w);
}
