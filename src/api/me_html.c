/* No script, no image, no font: it has to work in any browser and to load in one round trip. All
 * that comes from outside goes through me_escape. */
#include "api/form.h"
#include "api/guide.h"
#include "api/me.h"
#include "base/clock.h"

const char ME_STYLE[] =
    "body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;"
    "color:#1a1a1a;background:#fff}"
    "h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}"
    "dl{display:grid;grid-template-columns:8rem 1fr;gap:.2rem 1rem}dt{color:#555}dd{margin:0;"
    "overflow-wrap:anywhere}"
    "pre{background:#f4f4f4;padding:.8rem;overflow-x:auto;border-radius:4px}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem .3rem 0;"
    "vertical-align:top;border-bottom:1px solid #ddd}"
    "label{display:block;margin:.5rem 0}fieldset{border:1px solid #ccc}fieldset label{"
    "display:inline-block;margin-right:1rem}"
    ".made{border:2px solid #2a7;padding:.2rem 1rem;border-radius:4px}"
    "@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}pre{background:#262626}"
    "dt{color:#aaa}th,td{border-color:#444}}";

const char ME_POLICY[] =
    "default-src 'none'; style-src 'sha256-LNYHoqX8+z7zd5iyqp7FCMxszIOR3LRVkvxVkzguyZc='; "
    "form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'";

void me_escape(struct buf *out, struct str s)
{
    static const struct {
        char byte;
        const char *text;
    } escapes[] = { { '&', "&amp;" }, { '<', "&lt;" }, { '>', "&gt;" }, { '"', "&quot;" },
        { '\'', "&#39;" } };
    for (size_t i = 0; i < s.n; i++) {
        const char *text = NULL;
        for (size_t k = 0; k < ARRAY_LEN(escapes) && !text; k++)
            text = escapes[k].byte == s.p[i] ? escapes[k].text : NULL;
        if (text)
            buf_add(out, str_from(text));
        else
            buf_add_byte(out, s.p[i]);
    }
}

static void pre(struct buf *out, const struct buf *text)
{
    buf_add(out, STR("<pre>"));
    me_escape(out, buf_str(text));
    buf_add(out, STR("</pre>\n"));
}

static void key_field(const struct call *c, const char *action, struct buf *out)
{
    buf_add(out, STR("<input type=\"hidden\" name=\"key\" value=\""));
    form_key(c, action, out);
    buf_add(out, STR("\">"));
}

/* ---- tokens ---- */

static void token_row(const struct me *m, const struct token_row *t, struct buf *out)
{
    struct buf scopes AUTO_BUF = BUF_INIT(256);
    char ends[CLOCK_RFC3339_LEN + 1];
    me_scopes(t->scopes, &scopes);
    clock_format_rfc3339(t->expires, ends);
    buf_addf(out, "<tr><td>%lld</td><td>", (long long)t->id);
    me_escape(out, t->name);
    buf_addf(out, "</td><td>%" STR_FMT "</td><td>", STR_ARG(buf_str(&scopes)));
    me_escape(out, t->patterns);
    buf_add(out, STR("</td><td>"));
    me_escape(out, t->from);
    buf_addf(out, "</td><td>%.10s</td><td><form method=\"post\" action=\"/me/tokens/%lld/revoke\">",
        ends, (long long)t->id);
    key_field(m->call, "token-revoke", out);
    buf_add(out, STR("<button>Revoke</button></form></td></tr>\n"));
}

static void scope_boxes(struct buf *out)
{
    buf_add(out, STR("<fieldset><legend>It may read, and</legend>\n"));
    for (unsigned i = RIGHT_READ + 1; i < RIGHTS; i++) {
        const char *name = right_name((enum right)i);
        buf_addf(out, "<label><input type=\"checkbox\" name=\"scope\" value=\"%s\"%s> %s</label>\n",
            name, i == RIGHT_PUBLISH_UPDATE ? " checked" : "", name);
    }
    buf_add(out, STR("</fieldset>\n"));
}

static void token_form(const struct me *m, struct buf *out)
{
    buf_add(out, STR("<h2>Make a token</h2>\n"
                     "<p>For places that the tailnet does not know. It can do no more than you "
                     "can.</p>\n<form method=\"post\" action=\"/me/tokens\">"));
    key_field(m->call, "token-new", out);
    buf_add(out, STR("\n<label>Name <input name=\"name\" maxlength=\"64\" placeholder=\"what it is "
                     "for\"></label>\n"));
    scope_boxes(out);
    buf_add(out,
        STR("<label>Crates it may change <input name=\"crates\" value=\"*\" maxlength=\"1000\"> "
            "(names, or beginnings with * behind)</label>\n"
            "<label>Works from <input name=\"from\" value=\"own\" maxlength=\"100\"> (own: my own "
            "nodes; any; or a tag such as tag:ci)</label>\n"
            "<label>Days <input name=\"days\" type=\"number\" min=\"1\" max=\"90\" "
            "value=\"30\"></label>\n<button>Make it</button></form>\n"));
}

static void tokens(const struct me *m, struct buf *out)
{
    if (m->made.n > 0) {
        buf_add(out, STR("<div class=\"made\"><p>Your new token, shown this once:</p>\n<pre>"));
        me_escape(out, m->made);
        buf_add(out, STR("</pre></div>\n"));
    }
    if (!m->may_have_tokens)
        return;
    if (m->n_tokens > 0)
        buf_add(out, STR("<h2>Your tokens</h2>\n<table><tr><th></th><th>name</th><th>may</th>"
                         "<th>crates</th><th>from</th><th>until</th><th></th></tr>\n"));
    for (size_t i = 0; i < m->n_tokens; i++)
        token_row(m, &m->tokens[i], out);
    if (m->n_tokens > 0)
        buf_add(out, STR("</table>\n"));
    if (m->may_make_tokens)
        token_form(m, out);
    else
        buf_add(out, STR("<p>Tokens are made by an admin here.</p>\n"));
}

/* ---- the page ---- */

static void rights(const struct me *m, struct buf *out)
{
    struct buf text AUTO_BUF = BUF_INIT(32u << 10);
    me_rights(m, &text);
    buf_add(out, STR("<h2>You may</h2>\n"));
    pre(out, &text);
}

static void steps(const struct me *m, struct buf *out)
{
    const struct call *c = m->call;
    bool network = c->door->access.identity != LISTEN_NO_IDENTITY;
    struct buf text AUTO_BUF = BUF_INIT(8192);
    if (network)
        guide_tailnet_steps(&text, c->api->site.base_url);
    else
        guide_steps(&text, c->api->site.base_url);
    buf_add_byte(&text, '\n');
    guide_keep_private(&text, network);
    buf_add(out, STR("<h2>To begin</h2>\n"));
    pre(out, &text);
}

void me_html(const struct me *m, struct buf *out)
{
    const struct call *c = m->call;
    buf_addf(out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width\">\n"
        "<title>You and this registry</title><style>%s</style></head>\n<body><h1>You are ",
        ME_STYLE);
    me_escape(out, access_caller_name(c->api->registry->access, &c->caller));
    buf_add(out, STR("</h1>\n<dl>"));
    me_facts(m, true, out);
    buf_add(out, STR("</dl>\n"));
    rights(m, out);
    tokens(m, out);
    steps(m, out);
    buf_add(out, STR("</body></html>\n"));
}
