/* What a tailnet's policy file gives somebody at the registry, as far as the file alone can tell:
 * for `superguppy policy check`. Groups and autogroup:member are resolved; what depends on
 * addresses, hosts, postures or the control server's knowledge is named and not judged. Pure; any
 * thread. */
#pragma once
#include "auth/capability.h"
#include "base/json.h"

struct policy_query {
    struct str as;         /* a login or a tag */
    struct str dst;        /* the registry's tag */
    struct str capability; /* access.capability */
    uint16_t port;         /* the registry's; 0: 80 */
    struct str json;       /* what policy was read from, for the lines of grants; or p NULL */
};

struct policy_rule {
    size_t grant, object; /* from 1, in the order of the file */
    int line;             /* of the grant; 0: not known */
    struct capability_rule rule;
    bool for_them; /* false: another's, listed only because it is void */
};

struct policy_result {
    struct policy_rule *rules; /* theirs, and whatever is void for anybody */
    size_t n_rules, n_void;
    struct config_list ports; /* what their grants open: "tcp:80"; and acls: "80" */
    /* Is the registry's among them? A hint: who may not reach it, has rights to no avail. */
    enum { POLICY_PORT_CLOSED, POLICY_PORT_NOT_JUDGED, POLICY_PORT_OPEN } port;
    struct config_list notes; /* sentences: what was not judged, and why */
};

/* policy: the whole file. ERR_INVALID when it is no policy at all, or one that control servers
 * refuse for its groups. What is theirs reaches the registry as one list, so they are void together
 * when they are too many for it. Lives in a; borrows nothing. */
int policy_check(struct arena *a, const json_t *policy, const struct policy_query *q,
    struct policy_result *ret, struct err *e) MUST_CHECK;
