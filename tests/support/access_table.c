/* Prints what the code says about access, as JSON: every route with its need, the rights, and what
 * each role gives. The access matrix of the tests and docs/access.md are held to it. */
#include "api/internal.h"

#include <stdio.h>

#define TABLE_MAX (64u << 10)

/* No default: a need that is not named here does not compile. */
static const char *need_name(enum need need)
{
    switch (need) {
    case NEED_NOTHING:
        return "nothing";
    case NEED_ADMIN_DOOR:
        return "admin-door";
    case NEED_READ:
        return "read";
    case NEED_PUBLISH:
        return "publish";
    case NEED_YANK:
        return "yank";
    case NEED_CHANGE_OWNERS:
        return "change-owners";
    case NEED_OWN_FORM:
        return "own-form";
    }
    return "unknown";
}

static const char *extent_name(enum extent extent)
{
    static const char *const names[] = {
        [EXTENT_NONE] = "none", [EXTENT_OWN] = "own", [EXTENT_ANY] = "any"
    };
    return names[extent];
}

static void put(struct json_out *j, const char *key, const char *value)
{
    json_key(j, str_from(key));
    json_put_str(j, str_from(value));
}

static void put_routes(struct json_out *j)
{
    json_key(j, STR("routes"));
    json_array_begin(j);
    for (size_t i = 0; i < API_N_ROUTES; i++) {
        const struct route *r = &API_ROUTES[i];
        json_object_begin(j);
        put(j, "method", http_method_name(r->method));
        put(j, "path", r->path);
        put(j, "need", need_name(r->need));
        put(j, "shape", r->shape == SHAPE_JSON ? "json" : "text");
        json_object_end(j);
    }
    json_array_end(j);
}

static void put_methods(struct json_out *j)
{
    json_key(j, STR("methods"));
    json_array_begin(j);
    for (unsigned i = 0; i < HTTP_METHODS; i++)
        json_put_str(j, str_from(http_method_name((enum http_method)i)));
    json_array_end(j);
}

static void put_roles(struct json_out *j)
{
    json_key(j, STR("rights"));
    json_array_begin(j);
    for (unsigned i = 0; i < RIGHTS; i++)
        json_put_str(j, str_from(right_name((enum right)i)));
    json_array_end(j);
    json_key(j, STR("roles"));
    json_object_begin(j);
    for (unsigned role = 0; role < ROLES; role++) {
        json_key(j, str_from(role_name((enum role)role)));
        json_object_begin(j);
        for (unsigned i = 0; i < RIGHTS; i++)
            put(j, right_name((enum right)i),
                extent_name(role_extent((enum role)role, (enum right)i)));
        json_object_end(j);
    }
    json_object_end(j);
}

int main(void)
{
    AUTO_BUF struct buf out = BUF_INIT(TABLE_MAX);
    struct json_out j = JSON_OUT(&out);
    json_object_begin(&j);
    put_methods(&j);
    put_routes(&j);
    put_roles(&j);
    json_object_end(&j);
    buf_add_byte(&out, '\n');
    if (!buf_ok(&out) || fwrite(out.p, 1, out.n, stdout) != out.n)
        return 1;
    return fflush(stdout) == 0 ? 0 : 1;
}
