#include "crate/json_field.h"

#include "crate/name.h"

#include <assert.h>

static struct str path_of(const struct field_from *from, const char *key)
{
    if (!from->list)
        return str_from(key);
    return arena_printf(from->arena, "%s[%zu].%s", from->list, from->at, key);
}

int field_wrong(const struct field_from *from, const char *key, struct err *e)
{
    if (!e)
        return -1;
    struct str text = arena_str(from->arena, str_from(e->text));
    struct str path = path_of(from, key);
    return err_set(e, ERR_INVALID, "field `%" STR_FMT "`: %" STR_FMT, STR_ARG(path), STR_ARG(text));
}

static const char *type_name(json_t *j)
{
    switch (json_typeof(j)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    case JSON_NULL:
        return "null";
    }
    return "something else";
}

static int wrong_type(
    const struct field_from *from, const char *key, const char *want, json_t *got, struct err *e)
{
    struct str path = path_of(from, key);
    return err_set(e, ERR_INVALID, "field `%" STR_FMT "` must be %s, not %s", STR_ARG(path), want,
        type_name(got));
}

int field_element(const struct field_from *from, const char *list, json_t *array, size_t at,
    struct field_from *ret_from, struct err *e)
{
    json_t *element = json_array_get(array, at);
    assert(element);
    if (!json_is_object(element))
        return err_set(e, ERR_INVALID, "field `%s[%zu]` must be an object, not %s", list, at,
            type_name(element));
    *ret_from =
        (struct field_from){ .arena = from->arena, .object = element, .list = list, .at = at };
    return 0;
}

int field_get(const struct field_from *from, const char *key, enum field_need need, json_t **ret,
    struct err *e)
{
    json_t *value = json_object_get(from->object, key);
    if (!value && need == FIELD_REQUIRED) {
        struct str path = path_of(from, key);
        return err_set(e, ERR_INVALID, "field `%" STR_FMT "` is missing", STR_ARG(path));
    }
    if (!value || (need == FIELD_OPTIONAL && json_is_null(value)))
        return 0;
    *ret = value;
    return 1;
}

int field_str(const struct field_from *from, const char *key, enum field_need need, struct str *ret,
    struct err *e)
{
    json_t *value = NULL;
    *ret = STR_NONE;
    int found = field_get(from, key, need, &value, e);
    if (found <= 0)
        return found;
    if (!json_is_string(value))
        return wrong_type(from, key, "a string", value, e);
    *ret = arena_str(from->arena, json_str(value));
    return 0;
}

int field_bool(
    const struct field_from *from, const char *key, enum field_need need, bool *ret, struct err *e)
{
    json_t *value = NULL;
    int found = field_get(from, key, need, &value, e);
    if (found <= 0)
        return found;
    if (!json_is_boolean(value))
        return wrong_type(from, key, "true or false", value, e);
    *ret = json_is_true(value);
    return 0;
}

int field_array(const struct field_from *from, const char *key, enum field_need need, json_t **ret,
    struct err *e)
{
    json_t *value = NULL;
    *ret = NULL;
    int found = field_get(from, key, need, &value, e);
    if (found <= 0)
        return found;
    if (!json_is_array(value))
        return wrong_type(from, key, "an array", value, e);
    *ret = value;
    return 0;
}

int field_strs(const struct field_from *from, const char *key, enum field_need need,
    struct str **ret, size_t *ret_n, struct err *e)
{
    json_t *array;
    *ret = NULL;
    *ret_n = 0;
    if (field_array(from, key, need, &array, e) < 0)
        return -1;
    size_t n = json_array_size(array);
    if (n == 0)
        return 0;
    struct str *items = arena_array(from->arena, n, sizeof(*items));
    for (size_t i = 0; i < n; i++) {
        json_t *item = json_array_get(array, i);
        if (!json_is_string(item))
            return wrong_type(from, key, "an array of strings", item, e);
        items[i] = arena_str(from->arena, json_str(item));
    }
    *ret = items;
    *ret_n = n;
    return 0;
}

static int read_feature(
    struct arena *a, const char *name, json_t *values, struct crate_feature *ret, struct err *e)
{
    struct field_from from = { .arena = a };
    if (crate_feature_name_check(str_from(name), e) < 0)
        return field_wrong(&from, "features", e);
    ret->name = arena_str(a, str_from(name));
    if (!json_is_array(values))
        return wrong_type(&from, "features", "a map of lists", values, e);
    ret->n_values = json_array_size(values);
    ret->values = ret->n_values ? arena_array(a, ret->n_values, sizeof(struct str)) : NULL;
    for (size_t i = 0; i < ret->n_values; i++) {
        json_t *value = json_array_get(values, i);
        if (!json_is_string(value))
            return wrong_type(&from, "features", "a map of lists of strings", value, e);
        ret->values[i] = arena_str(a, json_str(value));
        if (crate_feature_value_check(ret->values[i], e) < 0)
            return field_wrong(&from, "features", e);
    }
    return 0;
}

int field_features_of(
    struct arena *a, json_t *map, struct crate_feature **ret, size_t *ret_n, struct err *e)
{
    *ret = NULL;
    *ret_n = 0;
    size_t n = json_object_size(map);
    if (n == 0)
        return 0;
    struct crate_feature *features = arena_array(a, n, sizeof(*features));
    size_t i = 0;
    const char *name;
    json_t *values;
    json_object_foreach(map, name, values)
    {
        if (read_feature(a, name, values, &features[i++], e) < 0)
            return -1;
    }
    *ret = features;
    *ret_n = n;
    return 0;
}

int field_features(const struct field_from *from, const char *key, enum field_need need,
    struct crate_feature **ret, size_t *ret_n, struct err *e)
{
    json_t *map = NULL;
    *ret = NULL;
    *ret_n = 0;
    int found = field_get(from, key, need, &map, e);
    if (found <= 0)
        return found;
    if (!json_is_object(map))
        return wrong_type(from, key, "an object", map, e);
    return field_features_of(from->arena, map, ret, ret_n, e);
}
