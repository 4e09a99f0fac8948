/* What an admin should hear of once when somebody comes with grants of the tailnet's policy. */
#include "api/internal.h"

#include "base/log.h"
#include "base/map.h"

#define TOLD_MAX 1024

static void tell_void(struct api *a, const struct identity *id)
{
    struct buf who AUTO_BUF = BUF_INIT(1024);
    uint8_t sum[SHA256_LEN];
    sha256(id->capability.text, sum);
    identity_name(id, &who);
    buf_add(&who, (struct str){ (const char *)sum, sizeof(sum) });
    if (map_get(a->told_void, buf_str(&who)))
        return;
    if (map_count(a->told_void) >= TOLD_MAX)
        return; /* enough said */
    (void)map_put(a->told_void, buf_str(&who), a);
    for (size_t i = 0; i < id->capability.n; i++) {
        struct str why = id->capability.rules[i].void_reason;
        struct log_line l;
        if (!why.p)
            continue;
        log_begin(&l, LOG_WARN, "grant_void");
        log_str(&l, "who", id->keys[0]);
        log_str(&l, "node", id->node);
        log_u64(&l, "object", i + 1);
        log_str(&l, "why", why);
        log_end(&l);
    }
}

void api_note_identity(struct api *a, const struct identity *id)
{
    const struct config *c = a->registry->config;
    bool open = !str_eq(c->members, STR("none")) || !str_eq(c->tagged, STR("none"));
    if (id->capability.n_void > 0)
        tell_void(a, id);
    if (id->capability.n == 0 || !open || a->told_both_in_force)
        return;
    a->told_both_in_force = true;
    log_msg(LOG_WARN, "both_in_force",
        "the tailnet's policy grants rights here, and access.members = \"%" STR_FMT
        "\" and access.tagged = \"%" STR_FMT
        "\" give theirs besides: set both to \"none\" if the policy is to decide alone",
        STR_ARG(c->members), STR_ARG(c->tagged));
}
