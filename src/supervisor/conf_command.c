/* A command in its three forms. A string is copied once and cut in place, however many words it
 * has: a file of nothing but blanks must not cost sixteen times its size. */
#include "supervisor/conf_private.h"

#include "supervisor/template.h"

#define WANTED "a string, an array of strings or a table with \"command\""

struct words {
    struct str *all; /* NULL while counting */
    size_t n;
};

static void add_word(void *ctx, struct str word)
{
    struct words *w = ctx;
    if (w->all)
        w->all[w->n] = word;
    w->n++;
}

static int words_of_string(struct conf_reader *r, struct conf_item it, struct command *c)
{
    struct words w = { NULL, 0 };
    if (conf_no_nul(r, it, it.v->string) < 0)
        return -1;
    char *copy = str_cstr(r->keep, it.v->string);
    struct str text = { copy, it.v->string.n };
    template_split(text, add_word, &w);
    w.all = arena_array(r->tmp, w.n, sizeof(*w.all));
    c->words = arena_array(r->keep, w.n + 1, sizeof(*c->words));
    c->n = w.n;
    w.n = 0;
    template_split(text, add_word, &w);
    for (size_t i = 0; i < c->n; i++) {
        c->words[i] = w.all[i].p;
        copy[(size_t)(w.all[i].p - copy) + w.all[i].n] = '\0';
    }
    return 0;
}

static int words_of(struct conf_reader *r, struct conf_item it, struct command *c)
{
    if (it.v->type == TOML_STRING)
        return words_of_string(r, it, c);
    if (it.v->type != TOML_ARRAY)
        return conf_bad_type(r, it, WANTED);
    if (it.v->array.n == 0)
        return conf_bad(r, it,
            "is an empty array, which names no program; leave the key out to run "
            "nothing, or write the program first");
    return conf_strings(
        r, it, "an array of strings such as [\"/bin/web\", \"--port=80\"]", &c->words, &c->n);
}

static int set_command(struct conf_reader *r, struct conf_item it, void *into)
{
    if (it.v->type != TOML_STRING && it.v->type != TOML_ARRAY)
        return conf_bad_type(r, it, "a string or an array of strings");
    return words_of(r, it, into);
}

static int set_user(struct conf_reader *r, struct conf_item it, void *into)
{
    struct command *c = into;
    return conf_string(r, it, "the name of a user as a string, such as \"git\"", &c->user);
}

static int set_only_env(struct conf_reader *r, struct conf_item it, void *into)
{
    struct command *c = into;
    if (conf_strings(
            r, it, "an array of names such as [\"HOME\"] or []", &c->only_env, &c->only_env_n) < 0)
        return -1;
    for (size_t i = 0; i < c->only_env_n; i++) {
        struct conf_item one = { it.key, it.v->array.items[i] };
        if (conf_env_name(r, one, c->only_env[i]) < 0)
            return -1;
    }
    c->filter = true;
    return 0;
}

static const struct conf_key keys[] = {
    { "command", set_command },
    { "user", set_user },
    { "only-env", set_only_env },
};

int conf_command(struct conf_reader *r, struct conf_item it, struct command *ret)
{
    *ret = (struct command){ .line = it.v->line };
    if (it.v->type != TOML_TABLE)
        return words_of(r, it, ret);
    if (conf_table(r, it, keys, ARRAY_LEN(keys), ret) < 0)
        return -1;
    if (ret->n == 0)
        return conf_bad(r, it, "lacks the command itself; write { command = \"/bin/web\" }");
    return 0;
}
