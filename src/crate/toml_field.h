/* Typed look-ups in a TOML table from outside, whose errors name the key from the root of the file.
 * Results are borrowed from the parsed document. Pure; any thread. */
#pragma once
#include "base/arena.h"
#include "base/toml.h"

struct toml_from {
    struct arena *arena;
    const struct toml_table *table;
    const struct toml_from *parent; /* NULL at the root */
    struct str key;                 /* of this table in its parent */
};

/* 1 and the table, 0 when absent. *ret points to from, which must outlive it. */
int toml_field_table(
    const struct toml_from *from, struct str key, struct toml_from *ret, struct err *e) MUST_CHECK;
/* As toml_field_table for a value at hand. */
int toml_field_enter(const struct toml_from *from, const struct toml_pair *pair,
    struct toml_from *ret, struct err *e) MUST_CHECK;
/* STR_NONE when absent. No text with a NUL is let through: nothing behind us could store it. */
int toml_field_str(
    const struct toml_from *from, struct str key, struct str *ret, struct err *e) MUST_CHECK;
/* *ret keeps its value when absent. */
int toml_field_bool(
    const struct toml_from *from, struct str key, bool *ret, struct err *e) MUST_CHECK;
int toml_field_strs(const struct toml_from *from, struct str key, struct str **ret, size_t *ret_n,
    struct err *e) MUST_CHECK;
int toml_field_text_check(
    const struct toml_from *from, struct str key, struct str text, struct err *e) MUST_CHECK;
/* True for { workspace = … }, which cargo writes out when it packs. */
bool toml_field_is_inherited(const struct toml_value *value);
int toml_field_inherited(const struct toml_from *from, struct str key, struct err *e); /* -1 */
int toml_field_wrong_type(const struct toml_from *from, struct str key, const char *want,
    const struct toml_value *got, struct err *e); /* -1 */
/* Fills e, keeping its text: "`package.name`: text". Returns -1. */
int toml_field_wrong(const struct toml_from *from, struct str key, struct err *e);
