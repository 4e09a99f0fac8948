#include "registry/admin_private.h"

#include "crate/name.h"

static int list_crate(void *ctx, const struct crate_row *row, struct err *e)
{
    struct json_out *j = ctx;
    (void)e;
    json_object_begin(j);
    admin_put_str(j, STR("name"), row->name);
    admin_put_str(j, STR("max_version"), row->max_version);
    admin_put_int(j, STR("downloads"), row->downloads);
    admin_put_time(j, STR("updated"), row->updated);
    admin_put_str(j, STR("description"), row->description);
    json_object_end(j);
    return 0;
}

int admin_crate_list(struct admin_call *c, struct err *e)
{
    json_array_begin(&c->out);
    int rc = meta_each_crate(c->db, list_crate, &c->out, e);
    json_array_end(&c->out);
    return rc;
}

static int list_version(void *ctx, const struct version_row *v, struct err *e)
{
    struct json_out *j = ctx;
    char sum[SHA256_HEX_LEN + 1];
    (void)e;
    hex_format(v->cksum, SHA256_LEN, sum);
    json_object_begin(j);
    admin_put_str(j, STR("version"), v->num);
    admin_put_str(j, STR("cksum"), str_from(sum));
    admin_put_int(j, STR("size"), v->size);
    admin_put_time(j, STR("published"), v->pubtime);
    json_key(j, STR("yanked"));
    json_put_bool(j, v->yanked);
    admin_put_int(j, STR("downloads"), v->downloads);
    json_object_end(j);
    return 0;
}

struct owner_list {
    struct admin_call *call;
    struct str canonical;
};

static int list_owner(void *ctx, struct str canonical, int64_t principal, struct err *e)
{
    struct owner_list *l = ctx;
    struct principal_row row;
    if (!str_eq(canonical, l->canonical))
        return 0;
    int found = meta_principal_get(l->call->db, l->call->arena, principal, &row, e);
    if (found == 1)
        json_put_str(&l->call->out, row.key);
    return found < 0 ? -1 : 0;
}

int admin_crate_show(struct admin_call *c, struct err *e)
{
    struct str name = json_str(json_object_get(c->request, "name"));
    struct crate_row row;
    struct owner_list owners = { c, STR_NONE };
    if (crate_name_check(name, e) < 0)
        return -1;
    owners.canonical = crate_name_canonical(c->arena, name);
    int found = meta_crate_find(c->db, c->arena, owners.canonical, &row, e);
    if (found == 0)
        return err_set(e, ERR_NOT_FOUND, "there is no crate `%" STR_FMT "` here", STR_ARG(name));
    if (found < 0)
        return -1;
    struct json_out *j = &c->out;
    json_object_begin(j);
    admin_put_str(j, STR("name"), row.name);
    admin_put_str(j, STR("description"), row.description);
    admin_put_str(j, STR("max_version"), row.max_version);
    admin_put_int(j, STR("downloads"), row.downloads);
    json_key(j, STR("owners"));
    json_array_begin(j);
    if (meta_each_owner(c->db, list_owner, &owners, e) < 0)
        return -1;
    json_array_end(j);
    json_key(j, STR("versions"));
    json_array_begin(j);
    if (meta_each_version(c->db, row.id, list_version, j, e) < 0)
        return -1;
    json_array_end(j);
    json_object_end(j);
    return 0;
}
