/* Any bytes: a document that parses is a tree within its bounds, whose look-ups agree with its
 * lists, and which parses the same again. */
#include "base/toml.h"

#include <assert.h>

static void check_table(const struct toml_table *t, int level);

static void check_value(const struct toml_value *v, int level)
{
    assert(v->line > 0);
    if (v->type == TOML_STRING)
        assert(utf8_valid(v->string));
    if (v->type == TOML_DATETIME)
        assert(v->datetime.text.n >= 8 && !str_has(v->datetime.text, ' '));
    if (v->type == TOML_ARRAY) {
        assert(level <= TOML_DEPTH_MAX);
        for (size_t i = 0; i < v->array.n; i++)
            check_value(v->array.items[i], level + 1);
    }
    if (v->type == TOML_TABLE)
        check_table(v->table, level);
}

static void check_table(const struct toml_table *t, int level)
{
    size_t n = 0;
    assert(level <= TOML_DEPTH_MAX);
    for (const struct toml_pair *pair = t->first; pair; pair = pair->next, n++) {
        assert(utf8_valid(pair->key) && toml_get(t, pair->key) == pair->value);
        check_value(pair->value, level + 1);
    }
    assert(n == t->n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_ARENA struct arena *a = arena_new();
    struct str text = { (const char *)data, size };
    struct toml_table *root = NULL, *again = NULL;
    struct err e = ERR_INIT;
    if (toml_parse(a, text, &root, &e) < 0) {
        assert(e.kind == ERR_INVALID || e.kind == ERR_TOO_LARGE);
        assert(e.text[0] && utf8_valid(str_from(e.text)));
        return 0;
    }
    assert(arena_used(a) <= size * 64 + 65536 + 4096);
    check_table(root, 0);
    int ret = toml_parse(a, text, &again, NULL);
    assert(ret == 0 && again->n == root->n);
    return 0;
}
