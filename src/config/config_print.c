/* `config show` prints what a configuration file may hold, so that its output can be kept as one.
 */
#include "base/json_write.h"
#include "config/config_schema.h"
#include "config/quote.h"

static const void *member(const struct config *c, const struct setting *s)
{
    return (const char *)c + s->offset;
}

static void put_list(const struct config_list *list, struct buf *out)
{
    buf_add_byte(out, '[');
    for (size_t i = 0; i < list->n; i++) {
        buf_add(out, i ? STR(", ") : STR(""));
        quote_toml(out, list->items[i]);
    }
    buf_add_byte(out, ']');
}

static void put_number(const struct setting *s, uint64_t v, struct buf *out)
{
    if (s->kind != SETTING_SIZE) {
        buf_add_u64(out, v);
        return;
    }
    buf_add_byte(out, '"');
    setting_put_size(out, v);
    buf_add_byte(out, '"');
}

static void put_value(const struct config *c, const struct setting *s, struct buf *out)
{
    switch (s->kind) {
    case SETTING_STR:
    case SETTING_ENUM:
        quote_toml(out, *(const struct str *)member(c, s));
        break;
    case SETTING_LIST:
        put_list(member(c, s), out);
        break;
    case SETTING_SIZE:
    case SETTING_NUM:
    case SETTING_SECONDS:
        put_number(s, *(const uint64_t *)member(c, s), out);
        break;
    case SETTING_BOOL:
        buf_add(out, *(const bool *)member(c, s) ? STR("true") : STR("false"));
        break;
    }
}

void setting_put_default(const struct setting *s, struct buf *out)
{
    struct str rest = str_from(s->def_text), word;
    switch (s->kind) {
    case SETTING_STR:
    case SETTING_ENUM:
        quote_toml(out, rest);
        break;
    case SETTING_LIST:
        buf_add_byte(out, '[');
        for (bool first = true; str_next_word(&rest, &word); first = false) {
            buf_add(out, first ? STR("") : STR(", "));
            quote_toml(out, word);
        }
        buf_add_byte(out, ']');
        break;
    case SETTING_SIZE:
    case SETTING_NUM:
    case SETTING_SECONDS:
        put_number(s, s->def_num, out);
        break;
    case SETTING_BOOL:
        buf_add(out, s->def_num ? STR("true") : STR("false"));
        break;
    }
}

static void put_origin(const struct config_origin *o, struct buf *out)
{
    buf_add(out, o->source == CONFIG_DEFAULT ? STR("default") : o->where);
}

/* ---- config show ---- */

static void show_grant(const struct config *c, const struct config_grant *g, struct buf *out)
{
    if (g->void_reason.p) {
        buf_addf(out, "\n# %" STR_FMT ":%d: this grant is void: %" STR_FMT "\n", STR_ARG(c->file),
            g->line, STR_ARG(g->void_reason));
        return;
    }
    buf_addf(out, "\n[[access.grant]]  # %" STR_FMT ":%d\nwho = ", STR_ARG(c->file), g->line);
    put_list(&g->who, out);
    buf_add(out, STR("\ndo = "));
    put_list(&g->roles, out);
    buf_add(out, STR("\ncrates = "));
    put_list(&g->crates, out);
    buf_add_byte(out, '\n');
}

static void show_text(const struct config *c, struct buf *out)
{
    buf_addf(
        out, "# configuration file: %" STR_FMT "\n", STR_ARG(c->file.p ? c->file : STR("none")));
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        buf_addf(out, "%s = ", settings[i].key);
        put_value(c, &settings[i], out);
        buf_add(out, STR("  # "));
        put_origin(&c->origins[i], out);
        buf_add_byte(out, '\n');
    }
    for (size_t i = 0; i < c->n_grants; i++)
        show_grant(c, &c->grants[i], out);
}

static void json_list(struct json_out *j, const struct config_list *list)
{
    json_array_begin(j);
    for (size_t i = 0; i < list->n; i++)
        json_put_str(j, list->items[i]);
    json_array_end(j);
}

static void json_value(struct json_out *j, const struct config *c, const struct setting *s)
{
    switch (s->kind) {
    case SETTING_STR:
    case SETTING_ENUM:
        json_put_str(j, *(const struct str *)member(c, s));
        break;
    case SETTING_LIST:
        json_list(j, member(c, s));
        break;
    case SETTING_SIZE:
    case SETTING_NUM:
    case SETTING_SECONDS:
        json_put_int(j, (int64_t) * (const uint64_t *)member(c, s));
        break;
    case SETTING_BOOL:
        json_put_bool(j, *(const bool *)member(c, s));
        break;
    }
}

static void json_grants(struct json_out *j, const struct config *c)
{
    json_array_begin(j);
    for (size_t i = 0; i < c->n_grants; i++) {
        const struct config_grant *g = &c->grants[i];
        json_object_begin(j);
        json_key(j, STR("who"));
        json_list(j, &g->who);
        json_key(j, STR("do"));
        json_list(j, &g->roles);
        json_key(j, STR("crates"));
        json_list(j, &g->crates);
        json_key(j, STR("line"));
        json_put_int(j, g->line);
        json_key(j, STR("void"));
        json_put_str_or_null(j, g->void_reason);
        json_object_end(j);
    }
    json_array_end(j);
}

static void show_json(const struct config *c, struct buf *out)
{
    static const char *const sources[] = { "default", "file", "environment", "flag" };
    struct json_out j = JSON_OUT(out);
    json_object_begin(&j);
    json_key(&j, STR("file"));
    json_put_str_or_null(&j, c->file);
    json_key(&j, STR("settings"));
    json_object_begin(&j);
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct config_origin *o = &c->origins[i];
        json_key(&j, str_from(settings[i].key));
        json_object_begin(&j);
        json_key(&j, STR("value"));
        json_value(&j, c, &settings[i]);
        json_key(&j, STR("source"));
        json_put_str(&j, str_from(sources[o->source]));
        json_key(&j, STR("where"));
        json_put_str_or_null(&j, o->where);
        json_object_end(&j);
    }
    json_object_end(&j);
    json_key(&j, STR("grants"));
    json_grants(&j, c);
    json_object_end(&j);
    buf_add_byte(out, '\n');
}

void config_show(const struct config *c, bool json, struct buf *out)
{
    if (json)
        show_json(c, out);
    else
        show_text(c, out);
}

/* ---- config --sample ---- */

static bool ends_section(size_t i)
{
    return i + 1 == SETTING_COUNT || setting_begins_section(i + 1);
}

void config_sample(struct buf *out)
{
    struct str name;
    buf_add(out, STR("# Settings of superguppy, each at its default. Remove the # in front of a "
                     "setting to change it.\n# docs/configuration.md explains more.\n"));
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        name = setting_section(&settings[i]);
        if (setting_begins_section(i))
            buf_addf(out, "\n[%" STR_FMT "]\n", STR_ARG(name));
        buf_addf(out, "# %s\n# Takes ", settings[i].doc);
        setting_allowed(&settings[i], out);
        name = setting_name(&settings[i]);
        buf_addf(out, ".\n#%" STR_FMT " = ", STR_ARG(name));
        setting_put_default(&settings[i], out);
        buf_add_byte(out, '\n');
        if (ends_section(i) && str_eq(setting_section(&settings[i]), STR("access")))
            buf_add(out, STR("# Rights beyond the defaults, any number of times.\n"
                             "#[[access.grant]]\n#who = [\"local:anna\"]\n#do = [\"release\"]\n"
                             "#crates = [\"acme-*\"]\n"));
    }
}
