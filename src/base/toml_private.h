/* What the files of the TOML parser share and nobody else sees: toml.c (documents), toml_string.c
 * (keys and strings), toml_scalar.c (numbers, dates, booleans), toml_table.c (the tree). */
#pragma once
#include "base/toml.h"

/* A document may use this many bytes of arena for each of its own, and a little more. The densest
 * honest input, an array of one-digit numbers, needs 36. */
#define TOML_MEMORY_FACTOR 64
#define TOML_MEMORY_FLOOR 65536

struct toml_parser {
    struct arena *a;
    struct str in;
    size_t at;
    int line;
    size_t used, used_max; /* bytes of arena */
    struct err *e;
};

/* Who made a table decides what may still be added to it. */
enum toml_table_kind {
    TOML_TABLE_IMPLICIT, /* named on the way by a header: a header may still define it, once */
    TOML_TABLE_HEADER,   /* defined by its own header */
    TOML_TABLE_DOTTED,   /* made by a dotted key: other dotted keys go on in it */
    TOML_TABLE_INLINE    /* complete at its closing brace */
};

struct toml_pair_node {
    struct toml_pair pub;
    struct toml_pair_node *left, *right; /* by bytes of key: an AA tree */
    int rank;
    char key[];
};

struct toml_table_node {
    struct toml_table pub;
    struct toml_pair_node *last;
    enum toml_table_kind kind;
    int level; /* containers above it; the root is at 0 */
};

/* Behind each value of type TOML_ARRAY. */
struct toml_array_node {
    struct toml_value pub;
    size_t cap;
    bool of_headers; /* made by [[name]]: only such an array grows later */
};

/* A key path as written: a.b."c d". Bare keys borrow from the input. */
struct toml_path {
    struct str seg[TOML_DEPTH_MAX];
    int n;
    int line;
};

/* toml_table.c */
int toml_fail(struct toml_parser *p, int line, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Zeroed; NULL with the error set when the document's share is used up. */
void *toml_alloc(struct toml_parser *p, size_t n) MUST_CHECK;
struct toml_value *toml_new_value(struct toml_parser *p, enum toml_type type, int line) MUST_CHECK;
struct toml_value *toml_new_array(struct toml_parser *p, int level, int line) MUST_CHECK;
struct toml_value *toml_new_table(
    struct toml_parser *p, enum toml_table_kind kind, int level, int line) MUST_CHECK;
int toml_array_push(
    struct toml_parser *p, struct toml_value *array, struct toml_value *item) MUST_CHECK;
/* The key must be absent; its bytes are copied. */
int toml_table_add(struct toml_parser *p, struct toml_table *t, struct str key,
    struct toml_value *value) MUST_CHECK;
struct toml_table_node *toml_table_node(struct toml_table *t);
struct toml_array_node *toml_array_node(struct toml_value *array);

/* toml_string.c; at the opening quote, or at the first byte of a key. */
int toml_parse_string(struct toml_parser *p, struct str *ret) MUST_CHECK;
int toml_parse_path(struct toml_parser *p, struct toml_path *ret) MUST_CHECK;
/* A key made fit for a message: clipped, without control characters. */
struct str toml_shown(struct toml_parser *p, struct str key);

/* toml_scalar.c; anything that is no string, array or inline table. */
int toml_parse_scalar(struct toml_parser *p, struct toml_value **ret) MUST_CHECK;

/* The next byte, -1 at the end. */
static inline int toml_peek(const struct toml_parser *p)
{
    return p->at < p->in.n ? (unsigned char)p->in.p[p->at] : -1;
}

static inline bool toml_sees(const struct toml_parser *p, struct str word)
{
    return str_starts(str_skip(p->in, p->at), word);
}

static inline void toml_skip_ws(struct toml_parser *p)
{
    while (p->at < p->in.n && (p->in.p[p->at] == ' ' || p->in.p[p->at] == '\t'))
        p->at++;
}
