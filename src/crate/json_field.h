/* Typed look-ups in a JSON object from outside, whose errors name the field and whose results live
 * in the arena. Pure; any thread. */
#pragma once
#include "base/arena.h"
#include "base/json.h"
#include "crate/dep.h"

enum field_need {
    FIELD_REQUIRED,
    FIELD_OPTIONAL, /* absent and null both give the default */
    FIELD_NOT_NULL, /* absent gives the default, null is an error */
};

struct field_from {
    struct arena *arena;
    json_t *object;
    const char *list; /* the object is element `at` of this list; NULL at the top */
    size_t at;
};

/* The element of an array as an object. */
int field_element(const struct field_from *from, const char *list, json_t *array, size_t at,
    struct field_from *ret_from, struct err *e) MUST_CHECK;
/* 1 and the value, 0 when absent or null as `need` allows. */
int field_get(const struct field_from *from, const char *key, enum field_need need, json_t **ret,
    struct err *e) MUST_CHECK;
int field_str(const struct field_from *from, const char *key, enum field_need need, struct str *ret,
    struct err *e) MUST_CHECK; /* STR_NONE when absent */
/* *ret keeps its value when the field is absent. */
int field_bool(const struct field_from *from, const char *key, enum field_need need, bool *ret,
    struct err *e) MUST_CHECK;
int field_array(const struct field_from *from, const char *key, enum field_need need, json_t **ret,
    struct err *e) MUST_CHECK; /* NULL when absent */
int field_strs(const struct field_from *from, const char *key, enum field_need need,
    struct str **ret, size_t *ret_n, struct err *e) MUST_CHECK;
/* A map from feature names to lists of values, both checked by crate/name.h. */
int field_features(const struct field_from *from, const char *key, enum field_need need,
    struct crate_feature **ret, size_t *ret_n, struct err *e) MUST_CHECK;
int field_features_of(struct arena *a, json_t *map, struct crate_feature **ret, size_t *ret_n,
    struct err *e) MUST_CHECK;
/* Fills e, keeping its text: "`deps[3].req`: text". Returns -1. */
int field_wrong(const struct field_from *from, const char *key, struct err *e);
