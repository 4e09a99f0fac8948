/* Command-line options: --name VALUE, --name=VALUE, --name; the rest are positional. Tables, no
 * state. */
#pragma once
#include "base/err.h"
#include "base/str.h"

#define ARGS_VALUES_MAX 64

struct args_option {
    const char *name;  /* without the dashes */
    const char *value; /* what to call its value in help; NULL: a switch */
    bool repeats;
    const char *help;
};

struct args_found {
    struct str values[ARGS_VALUES_MAX];
    size_t n;
};

struct args {
    const struct args_option *options;
    size_t n_options;
    struct args_found *found; /* one an option */
    struct str rest[8];
    size_t n_rest;
};

/* argv without the command's words. ERR_USAGE names the option and, when close, the one meant. */
int args_parse(struct args *a, int argc, char **argv, struct err *e) MUST_CHECK;
bool args_has(const struct args *a, const char *name);
struct str args_get(
    const struct args *a, const char *name); /* the last value; p NULL when absent */
const struct args_found *args_all(const struct args *a, const char *name);
