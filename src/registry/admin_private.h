/* What the files of administration share: admin.c calls, the others act. Writer's connection,
 * inside a transaction. */
#pragma once
#include "base/json.h"
#include "base/json_write.h"
#include "registry/admin.h"
#include "store/meta.h"

#define SECONDS_A_DAY 86400

struct admin_call {
    struct db *db;
    struct arena *arena;
    json_t *request;
    struct json_out out;
    struct admin_effect *effect;
    int64_t now;
};

void admin_put_time(struct json_out *j, struct str key, int64_t when); /* 0: null */
void admin_put_str(struct json_out *j, struct str key, struct str value);
void admin_put_int(struct json_out *j, struct str key, int64_t v);
/* The text of the request; p NULL when absent or none. */
struct str admin_text(const struct admin_call *c, const char *key);
/* Appends an event of the admin; detail is an object. */
int admin_event(struct admin_call *c, const char *what, struct str crate, const struct buf *detail,
    struct err *e) MUST_CHECK;
/* The principal that a person names: by its full name; NAME alone may stand for local:NAME.
 * ERR_NOT_FOUND says how to see them all. */
int admin_find_principal(
    struct admin_call *c, struct str name, struct principal_row *ret, struct err *e) MUST_CHECK;

int admin_token_new(struct admin_call *c, struct err *e);
int admin_token_list(struct admin_call *c, struct err *e);
int admin_token_revoke(struct admin_call *c, struct err *e);
int admin_crate_list(struct admin_call *c, struct err *e);
int admin_crate_show(struct admin_call *c, struct err *e);
int admin_principal_list(struct admin_call *c, struct err *e);
int admin_principal_show(struct admin_call *c, struct err *e);
int admin_principal_link(struct admin_call *c, struct err *e);
int admin_principal_block(struct admin_call *c, struct err *e);
int admin_principal_unblock(struct admin_call *c, struct err *e);
int admin_principal_rebind(struct admin_call *c, struct err *e);
int admin_principal_remove(struct admin_call *c, struct err *e);
int admin_audit(struct admin_call *c, struct err *e);
