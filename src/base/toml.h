/* TOML 1.0, whole and strict, for hostile input: depth, size and memory (64 times the text, and
 * 64 KiB) are bounded and nothing recurses past the depth bound: no table or array has more than
 * TOML_DEPTH_MAX others around it. Values live in the arena, not in the text; strings are UTF-8
 * and may be empty or hold NUL. Pure: no I/O. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

#define TOML_DEPTH_MAX 64
#define TOML_SIZE_MAX (4u << 20)

enum toml_type {
    TOML_STRING,
    TOML_INT,
    TOML_FLOAT,
    TOML_BOOL,
    TOML_DATETIME,
    TOML_ARRAY,
    TOML_TABLE
};
enum toml_date_kind { TOML_OFFSET_DATETIME, TOML_LOCAL_DATETIME, TOML_LOCAL_DATE, TOML_LOCAL_TIME };

struct toml_value {
    enum toml_type type;
    int line; /* of its first byte, from 1 */
    union {
        struct str string;
        int64_t integer;
        double real;
        bool boolean;
        struct {
            enum toml_date_kind kind;
            struct str text;
        } datetime; /* as written; T (for a blank too), Z */
        struct {
            struct toml_value **items;
            size_t n;
        } array;
        struct toml_table *table;
    };
};

struct toml_pair {
    struct str key;
    struct toml_value *value;
    struct toml_pair *next; /* in order of first appearance */
};
struct toml_table {
    struct toml_pair *first;
    size_t n;
    /* private to the parser: look-up is better than linear, so that a table of 100,000 keys
     * costs no more than its size */
    void *lookup;
};

/* *ret_root lives in the arena. Error text: "line N: what is wrong". */
int toml_parse(
    struct arena *a, struct str text, struct toml_table **ret_root, struct err *e) MUST_CHECK;

/* NULL when absent. t may be NULL, here and below. */
struct toml_value *toml_get(const struct toml_table *t, struct str key);
/* False when absent or of another type. */
bool toml_get_bool(const struct toml_table *t, struct str key, bool *ret);
const char *toml_type_name(enum toml_type type);
