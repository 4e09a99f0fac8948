/* Tables are read by lists of known keys, so that no key can be read and yet called unknown, or the
 * other way round. */
#include "supervisor/conf_private.h"

#include "config/quote.h"

#define WORD_MAX 48

static size_t least_of(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Inserted, dropped and changed letters between the two; Levenshtein with one row. */
static size_t edits(struct str a, struct str b)
{
    size_t row[WORD_MAX + 1];
    if (a.n > WORD_MAX || b.n > WORD_MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= b.n; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            size_t changed = diagonal + (ascii_lower(a.p[i - 1]) != ascii_lower(b.p[j - 1]));
            diagonal = row[j];
            row[j] = least_of(changed, row[j] + 1, row[j - 1] + 1);
        }
    }
    return row[b.n];
}

static const char *nearest(struct str name, const struct conf_key *keys, size_t n)
{
    const char *best = NULL;
    size_t least = name.n / 4 + 2; /* further off than that, a guess helps nobody */
    for (size_t i = 0; i < n; i++) {
        size_t d = edits(name, str_from(keys[i].name));
        if (d < least) {
            least = d;
            best = keys[i].name;
        }
    }
    return best;
}

static int unknown(struct conf_reader *r, struct conf_item it, struct str name,
    const struct conf_key *keys, size_t n)
{
    const char *near = nearest(name, keys, n);
    if (near)
        return conf_bad(r, it, "is not known here; write \"%s\" instead", near);
    struct str list = STR("");
    for (size_t i = 0; i < n; i++)
        list = arena_printf(r->tmp, "%" STR_FMT "%s%s", STR_ARG(list), i ? ", " : "", keys[i].name);
    return conf_bad(r, it, "is not known here; write one of %" STR_FMT " instead", STR_ARG(list));
}

int conf_table(
    struct conf_reader *r, struct conf_item it, const struct conf_key *keys, size_t n, void *into)
{
    for (const struct toml_pair *p = it.v->table->first; p; p = p->next) {
        struct str name =
            arena_printf(r->tmp, "%s%s%" STR_FMT, it.key, *it.key ? "." : "", STR_ARG(p->key));
        struct conf_item own = { name.p, p->value };
        size_t i = 0;
        while (i < n && !str_eq(p->key, str_from(keys[i].name)))
            i++;
        if (i == n)
            return unknown(r, own, p->key, keys, n);
        if (keys[i].set(r, own, into) < 0)
            return -1;
    }
    return 0;
}
