#include "auth/access.h"

#include "base/clock.h"
#include "store/meta.h"

/* A token that expired lately is kept, so that its user is told so and not that it is unknown. */
#define EXPIRED_KEPT_S (90 * 24 * 3600)

struct access_principal access_principal_of(const struct principal_row *row)
{
    return (struct access_principal){
        .id = (uint32_t)row->id,
        .link = (uint32_t)row->link,
        .key = row->key,
        .control = row->control,
        .user_id = row->user_id,
        .last_seen = row->last_seen,
        .blocked = row->blocked || row->removed != 0,
    };
}

struct access_token access_token_of(const struct token_row *row)
{
    struct access_token t = {
        .id = (uint32_t)row->id,
        .principal = (uint32_t)row->principal,
        .scopes = row->scopes,
        .patterns = row->patterns,
        .from = row->from,
        .capability = row->capability,
        .expires = row->expires,
    };
    for (size_t i = 0; i < SHA256_LEN; i++)
        t.hash[i] = row->hash[i];
    return t;
}

static int see_principal(void *ctx, const struct principal_row *row, struct err *e)
{
    struct access_principal p = access_principal_of(row);
    (void)e;
    access_put_principal(ctx, &p);
    return 0;
}

static int see_token(void *ctx, const struct token_row *row, struct err *e)
{
    struct access_token t = access_token_of(row);
    (void)e;
    access_put_token(ctx, &t);
    return 0;
}

static int see_crate(void *ctx, struct str canonical, struct err *e)
{
    (void)e;
    access_put_crate(ctx, canonical);
    return 0;
}

static int see_owner(void *ctx, struct str canonical, int64_t principal, struct err *e)
{
    (void)e;
    access_put_owner(ctx, canonical, (uint32_t)principal);
    return 0;
}

int access_load(const struct config *c, struct db *d, struct access **ret, struct err *e)
{
    struct access *a = access_new(c);
    int64_t since = clock_wall_s() - EXPIRED_KEPT_S;
    if (meta_each_principal(d, see_principal, a, e) < 0 ||
        meta_each_token(d, true, since, see_token, a, e) < 0 ||
        meta_each_name(d, see_crate, a, e) < 0 || meta_each_owner(d, see_owner, a, e) < 0) {
        access_free(a);
        return -1;
    }
    *ret = a;
    return 0;
}
