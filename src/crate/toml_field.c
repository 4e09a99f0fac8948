#include "crate/toml_field.h"

#define KEY_SHOWN_MAX 80

/* Built for an error alone: a path per table would cost the square of a deep or wide manifest. */
static struct str path_of(const struct toml_from *from, struct str key)
{
    struct str path = utf8_clip(key, KEY_SHOWN_MAX);
    for (; from->parent; from = from->parent)
        path = arena_printf(from->arena, "%" STR_FMT ".%" STR_FMT,
            STR_ARG(utf8_clip(from->key, KEY_SHOWN_MAX)), STR_ARG(path));
    return path;
}

int toml_field_wrong(const struct toml_from *from, struct str key, struct err *e)
{
    if (!e)
        return -1;
    struct str text = arena_str(from->arena, str_from(e->text));
    struct str path = path_of(from, key);
    return err_set(
        e, ERR_INVALID, "Cargo.toml: `%" STR_FMT "`: %" STR_FMT, STR_ARG(path), STR_ARG(text));
}

bool toml_field_is_inherited(const struct toml_value *value)
{
    return value->type == TOML_TABLE && toml_get(value->table, STR("workspace"));
}

int toml_field_inherited(const struct toml_from *from, struct str key, struct err *e)
{
    struct str path = path_of(from, key);
    return err_set(e, ERR_INVALID,
        "Cargo.toml: `%" STR_FMT "` is inherited from a workspace; `cargo package` writes such "
        "values out",
        STR_ARG(path));
}

static const char *with_article(enum toml_type type)
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
        return "a date or time";
    case TOML_ARRAY:
        return "an array";
    case TOML_TABLE:
        return "a table";
    }
    return "something else";
}

int toml_field_wrong_type(const struct toml_from *from, struct str key, const char *want,
    const struct toml_value *got, struct err *e)
{
    if (toml_field_is_inherited(got))
        return toml_field_inherited(from, key, e);
    struct str path = path_of(from, key);
    return err_set(e, ERR_INVALID, "Cargo.toml: `%" STR_FMT "` must be %s, not %s (line %d)",
        STR_ARG(path), want, with_article(got->type), got->line);
}

int toml_field_text_check(
    const struct toml_from *from, struct str key, struct str text, struct err *e)
{
    if (!str_has(text, '\0'))
        return 0;
    struct str path = path_of(from, key);
    return err_set(e, ERR_INVALID, "Cargo.toml: `%" STR_FMT "` must not hold a NUL", STR_ARG(path));
}

int toml_field_enter(const struct toml_from *from, const struct toml_pair *pair,
    struct toml_from *ret, struct err *e)
{
    if (pair->value->type != TOML_TABLE)
        return toml_field_wrong_type(from, pair->key, "a table", pair->value, e);
    *ret = (struct toml_from){
        .arena = from->arena, .table = pair->value->table, .parent = from, .key = pair->key
    };
    return 0;
}

int toml_field_table(
    const struct toml_from *from, struct str key, struct toml_from *ret, struct err *e)
{
    struct toml_value *value = toml_get(from->table, key);
    if (!value)
        return 0;
    struct toml_pair pair = { .key = key, .value = value };
    return toml_field_enter(from, &pair, ret, e) < 0 ? -1 : 1;
}

int toml_field_str(const struct toml_from *from, struct str key, struct str *ret, struct err *e)
{
    const struct toml_value *value = toml_get(from->table, key);
    *ret = STR_NONE;
    if (!value)
        return 0;
    if (value->type != TOML_STRING)
        return toml_field_wrong_type(from, key, "a string", value, e);
    if (toml_field_text_check(from, key, value->string, e) < 0)
        return -1;
    *ret = value->string.p ? value->string : STR("");
    return 0;
}

int toml_field_bool(const struct toml_from *from, struct str key, bool *ret, struct err *e)
{
    const struct toml_value *value = toml_get(from->table, key);
    if (!value)
        return 0;
    if (value->type != TOML_BOOL)
        return toml_field_wrong_type(from, key, "true or false", value, e);
    *ret = value->boolean;
    return 0;
}

int toml_field_strs(
    const struct toml_from *from, struct str key, struct str **ret, size_t *ret_n, struct err *e)
{
    const struct toml_value *value = toml_get(from->table, key);
    *ret = NULL;
    *ret_n = 0;
    if (!value)
        return 0;
    if (value->type != TOML_ARRAY)
        return toml_field_wrong_type(from, key, "an array of strings", value, e);
    if (value->array.n == 0)
        return 0;
    struct str *items = arena_array(from->arena, value->array.n, sizeof(*items));
    for (size_t i = 0; i < value->array.n; i++) {
        const struct toml_value *item = value->array.items[i];
        if (item->type != TOML_STRING)
            return toml_field_wrong_type(from, key, "an array of strings", item, e);
        if (toml_field_text_check(from, key, item->string, e) < 0)
            return -1;
        items[i] = item->string;
    }
    *ret = items;
    *ret_n = value->array.n;
    return 0;
}
