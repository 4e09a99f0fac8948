/* A value from outside, though by way of the control plane: bounded, strict, and what is not
 * understood gives nothing. An unknown key may be a limit that a newer version knows. */
#include "auth/capability.h"

#include "auth/right.h"
#include "base/json.h"

#include <string.h>

static struct str read_list(
    struct arena *a, const char *key, const json_t *list, struct config_list *ret)
{
    size_t i;
    json_t *item;
    if (!list)
        return arena_printf(a, "%s is missing", key);
    if (!json_is_array(list) || json_array_size(list) == 0)
        return arena_printf(a, "%s must be a list of at least one text", key);
    if (json_array_size(list) > CAPABILITY_PATTERNS_MAX)
        return arena_printf(a, "%s lists more than %d", key, CAPABILITY_PATTERNS_MAX);
    ret->n = json_array_size(list);
    ret->items = arena_array(a, ret->n, sizeof(*ret->items));
    json_array_foreach(list, i, item)
    {
        if (!json_is_string(item))
            return arena_printf(a, "%s must be a list of texts only", key);
        ret->items[i] = arena_str(a, json_str(item));
    }
    return STR_NONE;
}

static struct str check_keys(struct arena *a, json_t *object)
{
    const char *key;
    const json_t *value;
    json_object_foreach(object, key, value)
    {
        if (strcmp(key, "do") != 0 && strcmp(key, "crates") != 0)
            return arena_printf(a, "unknown key \"%" STR_FMT "\" (the keys are do, crates)",
                STR_ARG(utf8_clip(str_from(key), 40)));
    }
    return STR_NONE;
}

static struct str read_object(struct arena *a, json_t *object, struct capability_rule *r)
{
    struct config_list roles = { 0 };
    enum role role;
    if (!json_is_object(object))
        return STR("it is no object");
    struct str why = check_keys(a, object);
    if (!why.p)
        why = read_list(a, "do", json_object_get(object, "do"), &roles);
    if (!why.p)
        why = read_list(a, "crates", json_object_get(object, "crates"), &r->crates);
    if (!why.p)
        why = config_grant_wrong(a, &roles, &r->crates);
    for (size_t i = 0; i < roles.n && !why.p; i++) {
        if (role_from_name(roles.items[i], &role))
            r->roles |= 1u << role;
    }
    return why;
}

/* One rule that stands for a value which cannot be read at all. */
static void void_whole(struct arena *a, struct capability *c, struct str why)
{
    c->rules = arena_array(a, 1, sizeof(*c->rules));
    c->rules[0].void_reason = why;
    c->n = c->n_void = 1;
}

static void read_objects(struct arena *a, json_t *list, struct capability *c)
{
    c->n = json_array_size(list);
    c->rules = arena_array(a, c->n, sizeof(*c->rules));
    for (size_t i = 0; i < c->n; i++) {
        struct capability_rule *r = &c->rules[i];
        r->void_reason = read_object(a, json_array_get(list, i), r);
        if (!r->void_reason.p)
            continue;
        r->roles = 0; /* nobody can use by mistake what is not there */
        r->crates = (struct config_list){ NULL, 0 };
        c->n_void++;
    }
}

void capability_parse(struct arena *a, struct str text, struct capability *ret)
{
    json_t *j AUTO_JSON = NULL;
    *ret = (struct capability){ 0 };
    if (!text.p || str_eq(text, STR("null")))
        return;
    ret->text = arena_str(a, text);
    struct str whole = arena_printf(a, "{\"v\":%" STR_FMT "}", STR_ARG(text));
    if (text.n > CAPABILITY_BYTES_MAX)
        void_whole(a, ret, STR("it is longer than 64 KiB"));
    else if (str_has(text, '\0') || json_read(whole, &j, NULL) < 0)
        void_whole(a, ret, STR("it is no JSON"));
    else if (!json_is_array(json_object_get(j, "v")) || json_object_size(j) != 1)
        void_whole(a, ret, STR("it is no list of objects"));
    else if (json_array_size(json_object_get(j, "v")) > CAPABILITY_OBJECTS_MAX)
        void_whole(a, ret, STR("it has more than 64 objects"));
    else
        read_objects(a, json_object_get(j, "v"), ret);
}
