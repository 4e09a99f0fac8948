/* Every URL there is, with the right it needs. */
#include "api/internal.h"

#pragma GCC diagnostic error "-Wmissing-field-initializers"

#define CRATES "/api/v1/crates"

const struct route API_ROUTES[] = {
    { HTTP_GET, "/index/config.json", NEED_READ, SHAPE_TEXT, api_config },
    { HTTP_GET, "/index/**", NEED_READ, SHAPE_TEXT, api_index },
    { HTTP_GET, "/dl/{}/{}/download", NEED_READ, SHAPE_TEXT, api_download },
    { HTTP_GET, CRATES, NEED_READ, SHAPE_JSON, api_search },
    { HTTP_PUT, CRATES "/new", NEED_PUBLISH, SHAPE_JSON, api_publish },
    { HTTP_DELETE, CRATES "/{}/{}/yank", NEED_YANK, SHAPE_JSON, api_yank },
    { HTTP_PUT, CRATES "/{}/{}/unyank", NEED_YANK, SHAPE_JSON, api_unyank },
    { HTTP_GET, CRATES "/{}/owners", NEED_READ, SHAPE_JSON, api_owners_list },
    { HTTP_PUT, CRATES "/{}/owners", NEED_CHANGE_OWNERS, SHAPE_JSON, api_owners_add },
    { HTTP_DELETE, CRATES "/{}/owners", NEED_CHANGE_OWNERS, SHAPE_JSON, api_owners_remove },
    { HTTP_GET, CRATES "/{}/{}/download", NEED_READ, SHAPE_JSON, api_download },
    { HTTP_GET, "/", NEED_NOTHING, SHAPE_TEXT, api_root },
    { HTTP_GET, "/me", NEED_NOTHING, SHAPE_TEXT, api_me },
    { HTTP_POST, "/me/tokens", NEED_OWN_FORM, SHAPE_TEXT, api_me_token_new },
    { HTTP_POST, "/me/tokens/{}/revoke", NEED_OWN_FORM, SHAPE_TEXT, api_me_token_revoke },
    { HTTP_GET, "/healthz", NEED_NOTHING, SHAPE_TEXT, api_healthz },
    { HTTP_GET, "/readyz", NEED_NOTHING, SHAPE_TEXT, api_readyz },
    { HTTP_POST, "/admin", NEED_ADMIN_DOOR, SHAPE_JSON, api_admin },
};
const size_t API_N_ROUTES = ARRAY_LEN(API_ROUTES);

static bool match(const char *pattern, struct str path, struct str params[PARAMS_MAX])
{
    struct str want = str_skip(str_from(pattern), 1), have = str_skip(path, 1);
    size_t n = 0;
    if (!str_starts(path, STR("/"))) /* "OPTIONS *" has no path */
        return false;
    for (;;) {
        struct str w = str_cut(&want, '/');
        if (str_eq(w, STR("**"))) {
            params[n] = have;
            return have.n > 0;
        }
        struct str h = str_cut(&have, '/');
        if (str_eq(w, STR("{}")) && h.n > 0)
            params[n++] = h;
        else if (!str_eq(w, h))
            return false;
        if (want.p == NULL || have.p == NULL)
            return want.p == NULL && have.p == NULL;
    }
}

const struct route *route_find(enum http_method method, struct str path,
    struct str params[PARAMS_MAX], const struct route **ret_other)
{
    enum http_method wanted = method == HTTP_HEAD ? HTTP_GET : method;
    *ret_other = NULL;
    for (size_t i = 0; i < API_N_ROUTES; i++) {
        const struct route *r = &API_ROUTES[i];
        if (!match(r->path, path, params))
            continue;
        if (r->method == wanted)
            return r;
        *ret_other = r;
    }
    return NULL;
}

static void add_method(struct buf *out, enum http_method m)
{
    buf_addf(out, "%s%s", out->n > 0 ? ", " : "", http_method_name(m));
}

void route_methods(struct str path, struct buf *out)
{
    struct str params[PARAMS_MAX];
    for (size_t i = 0; i < API_N_ROUTES; i++) {
        const struct route *r = &API_ROUTES[i], *other;
        /* A path may fit several rows of one method; the first is the one that is served. */
        if (route_find(r->method, path, params, &other) != r)
            continue;
        add_method(out, r->method);
        if (r->method == HTTP_GET)
            add_method(out, HTTP_HEAD);
    }
}
