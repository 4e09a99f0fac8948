/* /me, for people: who they are to this registry, what they may and from where that comes, their
 * tokens, the lines to paste. The same facts as text for curl and as a small page for browsers. */
#pragma once
#include "api/internal.h"
#include "store/meta.h"

struct me {
    const struct call *call;
    bool may_have_tokens, may_make_tokens;
    const struct token_row *tokens; /* their own live ones; none unless may_have_tokens */
    size_t n_tokens;
    struct str made; /* the token just made, shown this once; n 0 otherwise */
};

void me_text(const struct me *m, struct buf *out);
void me_html(const struct me *m, struct buf *out);
/* Lines "name: value" of who and from where, for both. html: escaped, as <dt> and <dd>. */
void me_facts(const struct me *m, bool html, struct buf *out);
void me_rights(const struct me *m, struct buf *out); /* a line each, with where it comes from */
void me_escape(struct buf *out, struct str s);       /* for HTML text and quoted attributes */
void me_scopes(unsigned scopes, struct buf *out);
/* The one style sheet, which the page carries; its digest stands in the policy below. */
extern const char ME_STYLE[];
/* Content-Security-Policy of the page: no script, nothing from elsewhere, our own style alone. */
extern const char ME_POLICY[];
