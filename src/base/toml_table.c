/* Tables keep their pairs twice: in a list in order of first appearance, and in an AA tree (a
 * red-black tree of few rules, A. Andersson 1993) by key. A tree needs no secret seed against
 * chosen keys as a hash table does: its worst case is its usual case, and comparing costs at most
 * log2(n) times the bytes of the keys. Nothing is ever removed. */
#include "base/toml_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int toml_fail(struct toml_parser *p, int line, const char *fmt, ...)
{
    char text[ERR_TEXT_MAX - 32];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return err_set(p->e, ERR_INVALID, "line %d: %s", line, text);
}

void *toml_alloc(struct toml_parser *p, size_t n)
{
    size_t rounded = (n + 15) & ~(size_t)15; /* what the arena takes for it */
    if (rounded > p->used_max - p->used) {
        (void)err_set(p->e, ERR_TOO_LARGE,
            "line %d: the document needs more memory than its size allows", p->line);
        return NULL;
    }
    p->used += rounded;
    return arena_zalloc(p->a, n);
}

static int check_level(struct toml_parser *p, int level, int line)
{
    if (level <= TOML_DEPTH_MAX)
        return 0;
    return toml_fail(p, line, "nested more than %d levels deep", TOML_DEPTH_MAX);
}

struct toml_value *toml_new_value(struct toml_parser *p, enum toml_type type, int line)
{
    struct toml_value *v = toml_alloc(p, sizeof(*v));
    if (!v)
        return NULL;
    v->type = type;
    v->line = line;
    return v;
}

struct toml_value *toml_new_array(struct toml_parser *p, int level, int line)
{
    if (check_level(p, level, line) < 0)
        return NULL;
    struct toml_array_node *node = toml_alloc(p, sizeof(*node));
    if (!node)
        return NULL;
    node->pub.type = TOML_ARRAY;
    node->pub.line = line;
    return &node->pub;
}

struct toml_value *toml_new_table(
    struct toml_parser *p, enum toml_table_kind kind, int level, int line)
{
    if (check_level(p, level, line) < 0)
        return NULL;
    struct toml_value *v = toml_new_value(p, TOML_TABLE, line);
    if (!v)
        return NULL;
    struct toml_table_node *node = toml_alloc(p, sizeof(*node));
    if (!node)
        return NULL;
    node->kind = kind;
    node->level = level;
    v->table = &node->pub;
    return v;
}

struct toml_table_node *toml_table_node(struct toml_table *t)
{
    return CONTAINER_OF(t, struct toml_table_node, pub);
}

struct toml_array_node *toml_array_node(struct toml_value *array)
{
    return CONTAINER_OF(array, struct toml_array_node, pub);
}

int toml_array_push(struct toml_parser *p, struct toml_value *array, struct toml_value *item)
{
    struct toml_array_node *node = toml_array_node(array);
    if (array->array.n == node->cap) {
        size_t cap = node->cap ? node->cap * 2 : 2;
        struct toml_value **items = toml_alloc(p, cap * sizeof(struct toml_value *));
        if (!items)
            return -1;
        if (array->array.n)
            memcpy(items, array->array.items, array->array.n * sizeof(struct toml_value *));
        array->array.items = items;
        node->cap = cap;
    }
    array->array.items[array->array.n++] = item;
    return 0;
}

/* The two repairs of an AA tree: no left child of its parent's rank, no two right ones in a row. */
static struct toml_pair_node *tree_skew(struct toml_pair_node *t)
{
    struct toml_pair_node *l = t->left;
    if (!l || l->rank != t->rank)
        return t;
    t->left = l->right;
    l->right = t;
    return l;
}

static struct toml_pair_node *tree_split(struct toml_pair_node *t)
{
    struct toml_pair_node *r = t->right;
    if (!r || !r->right || r->right->rank != t->rank)
        return t;
    t->right = r->left;
    r->left = t;
    r->rank++;
    return r;
}

/* Recurses at most 2 log2(n) deep. */
static struct toml_pair_node *tree_add(struct toml_pair_node *t, struct toml_pair_node *x)
{
    if (!t)
        return x;
    if (str_cmp(x->pub.key, t->pub.key) < 0)
        t->left = tree_add(t->left, x);
    else
        t->right = tree_add(t->right, x);
    return tree_split(tree_skew(t));
}

int toml_table_add(
    struct toml_parser *p, struct toml_table *t, struct str key, struct toml_value *value)
{
    struct toml_table_node *node = toml_table_node(t);
    struct toml_pair_node *x = toml_alloc(p, sizeof(*x) + key.n + 1);
    if (!x)
        return -1;
    if (key.n)
        memcpy(x->key, key.p, key.n);
    x->pub.key = (struct str){ x->key, key.n };
    x->pub.value = value;
    x->rank = 1;
    if (node->last)
        node->last->pub.next = &x->pub;
    else
        t->first = &x->pub;
    node->last = x;
    t->n++;
    t->lookup = tree_add(t->lookup, x);
    return 0;
}

struct toml_value *toml_get(const struct toml_table *t, struct str key)
{
    const struct toml_pair_node *x = t ? t->lookup : NULL;
    while (x) {
        int order = str_cmp(key, x->pub.key);
        if (order == 0)
            return x->pub.value;
        x = order < 0 ? x->left : x->right;
    }
    return NULL;
}

bool toml_get_bool(const struct toml_table *t, struct str key, bool *ret)
{
    const struct toml_value *v = toml_get(t, key);
    if (!v || v->type != TOML_BOOL)
        return false;
    *ret = v->boolean;
    return true;
}

const char *toml_type_name(enum toml_type type)
{
    static const char *const names[] = {
        [TOML_STRING] = "string",
        [TOML_INT] = "integer",
        [TOML_FLOAT] = "float",
        [TOML_BOOL] = "boolean",
        [TOML_DATETIME] = "date or time",
        [TOML_ARRAY] = "array",
        [TOML_TABLE] = "table",
    };
    return names[type];
}
