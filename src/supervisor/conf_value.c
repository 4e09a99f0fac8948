/* The values that many keys share. All that is kept is copied: the document's own arena is many
 * times the size of the file and goes when loading is done. */
#include "supervisor/conf_private.h"

#include "config/quote.h"
#include "supervisor/duration.h"

#include <limits.h>
#include <string.h>

#define FILE_SHOWN 160
#define COUNT_MAX 1000000

static const char *type_with_article(enum toml_type type)
{
    switch (type) {
    case TOML_STRING:
        return "a string";
    case TOML_INT:
        return "an integer";
    case TOML_FLOAT:
        return "a float";
    case TOML_BOOL:
        return "a boolean";
    case TOML_DATETIME:
        return "a date";
    case TOML_ARRAY:
        return "an array";
    case TOML_TABLE:
        return "a table";
    }
    return "this";
}

const char *conf_file_end(const char *file)
{
    size_t n = strlen(file);
    return n > FILE_SHOWN ? file + (n - FILE_SHOWN) : file;
}

int conf_bad(struct conf_reader *r, struct conf_item it, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct str text = arena_vprintf(r->tmp, fmt, ap);
    va_end(ap);
    return err_set(r->e, ERR_USAGE, "%s:%d: %skey %s: %" STR_FMT, r->file, it.v->line, r->where,
        conf_show(r, it.key), STR_ARG(text));
}

int conf_bad_at(struct conf_reader *r, int line, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct str text = arena_vprintf(r->tmp, fmt, ap);
    va_end(ap);
    return err_set(r->e, ERR_USAGE, "%s:%d: %s%" STR_FMT, r->file, line, r->where, STR_ARG(text));
}

int conf_bad_type(struct conf_reader *r, struct conf_item it, const char *want)
{
    return conf_bad(r, it, "needs %s, not %s", want, type_with_article(it.v->type));
}

const char *conf_show(struct conf_reader *r, const char *s)
{
    return quote_short(r->tmp, str_from(s)).p;
}

int conf_no_nul(struct conf_reader *r, struct conf_item it, struct str text)
{
    if (str_has(text, '\0'))
        return conf_bad(r, it, "holds a NUL, which no program can be given; leave \\u0000 out");
    return 0;
}

static int copy_text(struct conf_reader *r, struct conf_item it, struct str text, const char **ret)
{
    if (conf_no_nul(r, it, text) < 0)
        return -1;
    *ret = arena_str(r->keep, text).p;
    return 0;
}

int conf_string(struct conf_reader *r, struct conf_item it, const char *want, const char **ret)
{
    if (it.v->type != TOML_STRING)
        return conf_bad_type(r, it, want);
    return copy_text(r, it, it.v->string, ret);
}

int conf_filled(struct conf_reader *r, struct conf_item it, const char *want, const char **ret)
{
    if (conf_string(r, it, want, ret) < 0)
        return -1;
    return **ret ? 0 : conf_bad(r, it, "is empty; write %s, or leave the key out", want);
}

int conf_strings(
    struct conf_reader *r, struct conf_item it, const char *want, const char ***ret, size_t *ret_n)
{
    if (it.v->type != TOML_ARRAY)
        return conf_bad_type(r, it, want);
    size_t n = it.v->array.n;
    const char **all = arena_array(r->keep, n + 1, sizeof(*all));
    for (size_t i = 0; i < n; i++) {
        struct conf_item one = { it.key, it.v->array.items[i] };
        if (one.v->type != TOML_STRING)
            return conf_bad(
                r, one, "needs %s, but there is %s in it", want, type_with_article(one.v->type));
        if (copy_text(r, one, one.v->string, &all[i]) < 0)
            return -1;
    }
    *ret = all;
    *ret_n = n;
    return 0;
}

int conf_count(struct conf_reader *r, struct conf_item it, int least, int *ret)
{
    if (it.v->type != TOML_INT)
        return conf_bad_type(r, it, "a whole number such as 5");
    if (it.v->integer < least || it.v->integer > COUNT_MAX)
        return conf_bad(r, it, "is out of range; write a number from %d to %d", least, COUNT_MAX);
    *ret = (int)it.v->integer;
    return 0;
}

int conf_time(struct conf_reader *r, struct conf_item it, bool may_be_none, const char *example,
    int64_t *ret_ms)
{
    const char *none = may_be_none ? " or \"none\"" : "";
    if (it.v->type == TOML_INT && it.v->integer >= 0)
        return conf_bad(r, it, "has no unit; write \"%jds\" instead", (intmax_t)it.v->integer);
    if (it.v->type == TOML_FLOAT || it.v->type == TOML_INT)
        return conf_bad(r, it, "is a bare number; write \"%s\"%s instead", example, none);
    if (it.v->type != TOML_STRING) {
        struct str want = arena_printf(r->tmp, "a time such as \"%s\"%s", example, none);
        return conf_bad_type(r, it, want.p);
    }
    if (may_be_none && str_eq(it.v->string, STR("none"))) {
        *ret_ms = TIME_FOREVER;
        return 0;
    }
    if (!duration_parse(it.v->string, ret_ms))
        return conf_bad(r, it,
            "%" STR_FMT " is no time of up to a year; write a number with ms, s, m or h, such as "
            "\"%s\"%s",
            STR_ARG(quote_short(r->tmp, it.v->string)), example, none);
    return 0;
}

int conf_env_name(struct conf_reader *r, struct conf_item it, const char *name)
{
    if (!*name)
        return conf_bad(r, it, "the name of a variable is empty; write one such as HOME");
    if (strchr(name, '='))
        return conf_bad(
            r, it, "%s is no name of a variable; write it without the \"=\"", conf_show(r, name));
    return 0;
}

int conf_env(struct conf_reader *r, struct conf_item it, const struct env_pair **ret, size_t *ret_n)
{
    if (it.v->type != TOML_TABLE)
        return conf_bad_type(r, it, "a table such as { NAME = \"value\" }");
    if (it.v->table->n > ENV_MAX)
        return conf_bad(r, it, "names %zu variables; at most %d fit", it.v->table->n, ENV_MAX);
    size_t n = 0;
    struct env_pair *all = arena_array(r->keep, it.v->table->n, sizeof(*all));
    for (const struct toml_pair *p = it.v->table->first; p; p = p->next, n++) {
        struct conf_item own = { it.key, p->value };
        if (copy_text(r, own, p->key, &all[n].name) < 0 || conf_env_name(r, own, all[n].name) < 0)
            return -1;
        own.key = arena_printf(r->tmp, "%s.%s", it.key, all[n].name).p;
        if (conf_string(r, own, "a string such as \"value\"", &all[n].value) < 0)
            return -1;
    }
    *ret = all;
    *ret_n = n;
    return 0;
}
