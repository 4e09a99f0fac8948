/* What the parts of the loader share. A part gets one value with the name of its key, checks it,
 * and keeps a copy; each returns -1 with the reader's error filled. */
#pragma once
#include "base/toml.h"
#include "supervisor/conf.h"

struct conf_reader {
    struct arena *keep; /* the conf's own */
    struct arena *tmp;  /* the document, and what messages are made of */
    const char *file;   /* for messages: its end */
    const char *where;  /* "process "NAME": " or "" */
    struct err *e;
};

struct conf_item {
    const char *key; /* as messages say it: "run.user" */
    const struct toml_value *v;
};

struct conf_key {
    const char *name;
    int (*set)(struct conf_reader *r, struct conf_item it, void *into);
};

/* The end of a path, which tells the file and leaves an error room for its sentence. */
const char *conf_file_end(const char *file);
/* Fill the error: where in the file, then the sentence. Always -1. */
int conf_bad(struct conf_reader *r, struct conf_item it, const char *fmt, ...) PRINTF_LIKE(3, 4);
int conf_bad_at(struct conf_reader *r, int line, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* "needs WANT, not a …" */
int conf_bad_type(struct conf_reader *r, struct conf_item it, const char *want);
/* A text from the file as messages show it. */
const char *conf_show(struct conf_reader *r, const char *s);

/* Calls the setter of each key of the table, in the order of the file; an unknown key is an error
 * that names the nearest known one. `it` is the table itself, its key "" at the top. */
int conf_table(struct conf_reader *r, struct conf_item it, const struct conf_key *keys, size_t n,
    void *into) MUST_CHECK;
/* `want` says what is asked for: "a string such as …". A NUL is an error. */
int conf_no_nul(struct conf_reader *r, struct conf_item it, struct str text) MUST_CHECK;
int conf_string(
    struct conf_reader *r, struct conf_item it, const char *want, const char **ret) MUST_CHECK;
int conf_filled(struct conf_reader *r, struct conf_item it, const char *want,
    const char **ret) MUST_CHECK; /* nor "" */
int conf_strings(struct conf_reader *r, struct conf_item it, const char *want, const char ***ret,
    size_t *ret_n) MUST_CHECK;
int conf_count(struct conf_reader *r, struct conf_item it, int least, int *ret) MUST_CHECK;
/* least is in milliseconds; example is shown. */
int conf_time(struct conf_reader *r, struct conf_item it, bool may_be_none, const char *example,
    int64_t *ret_ms) MUST_CHECK;
int conf_env(struct conf_reader *r, struct conf_item it, const struct env_pair **ret,
    size_t *ret_n) MUST_CHECK;
int conf_env_name(struct conf_reader *r, struct conf_item it, const char *name) MUST_CHECK;

int conf_command(struct conf_reader *r, struct conf_item it, struct command *ret) MUST_CHECK;
int conf_probe(struct conf_reader *r, struct conf_item it, bool live, struct probe *ret) MUST_CHECK;
/* The name alone goes to label processes in messages. into->depends is left to conf_order. */
int conf_process(struct conf_reader *r, const struct toml_value *v, struct process *into,
    const struct toml_value **ret_depends) MUST_CHECK;
/* "process "NAME": " for messages; nth counts from 1. */
const char *conf_where(struct conf_reader *r, const struct toml_value *v, size_t nth);
/* Fills in depends from the lists of names (NULL: none) and makes the start order. */
int conf_order(struct conf_reader *r, struct process *ps, size_t n,
    const struct toml_value *const *depends, const size_t **ret) MUST_CHECK;
