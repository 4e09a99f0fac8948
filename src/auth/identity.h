/* Who the network says is at the other end of a connection. Immutable once made; any thread. */
#pragma once
#include "auth/capability.h"
#include "tailnet/peer.h"

#define IDENTITY_KEYS_MAX 64 /* a node with more tags is nobody: none of them may go unjudged */

enum identity_kind {
    IDENTITY_PERSON, /* of our tailnet */
    IDENTITY_TAGGED, /* a machine: it acts for all its tags */
    IDENTITY_SHARED, /* a person of another tailnet, by a node shared with ours */
    IDENTITY_SELF,   /* the registry's own node */
    IDENTITY_HEADER  /* named by a trusted proxy */
};

struct identity {
    enum identity_kind kind;
    /* The principals it acts for: LOGIN; each of the tags, sorted; "shared:LOGIN"; "self";
     * "header:VALUE". At least one. */
    struct str *keys;
    size_t n_keys;
    struct str control;                  /* person, shared: URL of the control server */
    int64_t user_id;                     /* person, shared: the id there; else 0 */
    struct str node, stable_id, address; /* empty for a header */
    struct capability capability;
};

/* What a whois answer means to us. own_id: StableID of our node. control: its control server.
 * address: the peer's, as text; empty in userspace mode, where the node's first stands for it.
 * ERR_FORBIDDEN with the sentence for the person when it is nobody: expired, or asked from an
 * address that is not the node's own (a subnet router). Lives in a, p's strings copied. */
int identity_from_peer(struct arena *a, const struct tailnet_peer *p, struct str own_id,
    struct str control, struct str address, struct identity **ret, struct err *e) MUST_CHECK;
/* "header:VALUE". ERR_FORBIDDEN when value is empty, longer than 200 bytes, or no principal's name
 * (config_principal_wrong). */
int identity_from_header(
    struct arena *a, struct str value, struct identity **ret, struct err *e) MUST_CHECK;
struct identity *identity_copy(struct arena *a, const struct identity *id);
bool identity_eq(const struct identity *x, const struct identity *y); /* all but void reasons */
/* "anna@corp.test", "tag:ci,tag:deploy", "header:anna". Appended. */
void identity_name(const struct identity *id, struct buf *out);
