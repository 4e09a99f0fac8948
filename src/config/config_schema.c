#include "config/config_schema.h"

#include <stdio.h>
#include <string.h>

#define AT(id) offsetof(struct config, id)

const struct setting settings[SETTING_COUNT] = {
#define CFG_STR(id, key, def, doc) { key, SETTING_STR, AT(id), def, 0, 0, 0, "", doc },
#define CFG_LIST(id, key, def, doc) { key, SETTING_LIST, AT(id), def, 0, 0, 0, "", doc },
#define CFG_SIZE(id, key, def, min, max, doc)                                                      \
    { key, SETTING_SIZE, AT(id), "", def, min, max, "", doc },
#define CFG_NUM(id, key, def, min, max, doc)                                                       \
    { key, SETTING_NUM, AT(id), "", def, min, max, "", doc },
#define CFG_SECONDS(id, key, def, min, max, doc)                                                   \
    { key, SETTING_SECONDS, AT(id), "", def, min, max, "", doc },
#define CFG_ENUM(id, key, def, words, doc) { key, SETTING_ENUM, AT(id), def, 0, 0, 0, words, doc },
#define CFG_BOOL(id, key, def, doc) { key, SETTING_BOOL, AT(id), "", def, 0, 1, "", doc },
#include "config/config.def"
#include "config/config_undef.h"
};

const struct setting *setting_find(struct str key)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (str_eq(str_from(settings[i].key), key))
            return &settings[i];
    }
    return NULL;
}

struct str setting_section(const struct setting *s)
{
    struct str rest = str_from(s->key);
    return str_cut(&rest, '.');
}

struct str setting_name(const struct setting *s)
{
    struct str rest = str_from(s->key);
    (void)str_cut(&rest, '.');
    return rest;
}

bool setting_begins_section(size_t i)
{
    return i == 0 || !str_eq(setting_section(&settings[i]), setting_section(&settings[i - 1]));
}

struct str setting_env_name(struct arena *a, const struct setting *s)
{
    struct str name = setting_name(s), section = setting_section(s);
    struct str env =
        arena_printf(a, "SUPERGUPPY_%" STR_FMT "__%" STR_FMT, STR_ARG(section), STR_ARG(name));
    char *p = str_cstr(a, env);
    for (size_t i = 0; i < env.n; i++) {
        if (p[i] >= 'a' && p[i] <= 'z')
            p[i] = (char)(p[i] - 'a' + 'A');
    }
    return (struct str){ p, env.n };
}

#define WORD_MAX 48

/* Edits (insert, drop, change) that make one of the other; Levenshtein with one row. */
static size_t edit_distance(struct str a, struct str b)
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
            size_t best = diagonal + (ascii_lower(a.p[i - 1]) != ascii_lower(b.p[j - 1]));
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[b.n];
}

struct str setting_nearest(struct str name, bool sections)
{
    struct str nearest = STR_NONE;
    size_t least = name.n / 4 + 2; /* further off than that, a guess helps nobody */
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        struct str key = str_from(settings[i].key);
        struct str candidate = sections ? setting_section(&settings[i]) : key;
        size_t d = edit_distance(name, candidate);
        if (!sections && d > 0 && str_eq_nocase(setting_name(&settings[i]), name))
            d = 0; /* "data" for server.data */
        if (d < least) {
            least = d;
            nearest = candidate;
        }
    }
    return nearest;
}

void setting_put_size(struct buf *out, uint64_t bytes)
{
    static const struct {
        uint64_t unit;
        const char *name;
    } units[] = { { 1u << 30, "G" }, { 1u << 20, "M" }, { 1u << 10, "K" }, { 1, "" } };
    size_t i = 0;
    while (i + 1 < ARRAY_LEN(units) && (bytes < units[i].unit || bytes % units[i].unit != 0))
        i++;
    buf_add_u64(out, bytes / units[i].unit);
    buf_add(out, str_from(units[i].name));
}

static void put_words(const struct setting *s, struct buf *out)
{
    struct str rest = str_from(s->words), word;
    for (const char *before = ""; str_next_word(&rest, &word); before = ", ")
        buf_addf(out, "%s%" STR_FMT, before, STR_ARG(word));
}

void setting_allowed(const struct setting *s, struct buf *out)
{
    switch (s->kind) {
    case SETTING_STR:
        buf_add(out, STR("a text"));
        break;
    case SETTING_LIST:
        buf_add(out, STR("a list of texts"));
        break;
    case SETTING_SIZE:
        buf_add(out, STR("a size from "));
        setting_put_size(out, s->min);
        buf_add(out, STR(" to "));
        setting_put_size(out, s->max);
        break;
    case SETTING_NUM:
        buf_addf(out, "a whole number from %ju to %ju", (uintmax_t)s->min, (uintmax_t)s->max);
        break;
    case SETTING_SECONDS:
        buf_addf(out, "whole seconds from %ju to %ju", (uintmax_t)s->min, (uintmax_t)s->max);
        break;
    case SETTING_ENUM:
        buf_add(out, STR("one of "));
        put_words(s, out);
        break;
    case SETTING_BOOL:
        buf_add(out, STR("true or false"));
        break;
    }
}

int setting_fail(struct err *e, struct str key, struct str where, const char *fmt, ...)
{
    char text[ERR_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (where.n == 0)
        return err_set(e, ERR_USAGE, "%" STR_FMT ": %s", STR_ARG(key), text);
    return err_set(
        e, ERR_USAGE, "%" STR_FMT " (%" STR_FMT "): %s", STR_ARG(key), STR_ARG(where), text);
}

struct config_origin setting_from_file(struct arena *a, struct str file, int line)
{
    struct str where = arena_printf(a, "%" STR_FMT ":%d", STR_ARG(file), line);
    return (struct config_origin){ CONFIG_FILE, where };
}
