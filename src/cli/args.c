#include "cli/args.h"

#include <assert.h>

static size_t find(const struct args *a, struct str name)
{
    size_t i = 0;
    while (i < a->n_options && !str_eq(str_from(a->options[i].name), name))
        i++;
    return i;
}

static int take_value(struct args *a, size_t i, struct str value, struct err *e)
{
    struct args_found *f = &a->found[i];
    const struct args_option *o = &a->options[i];
    if (f->n > 0 && !o->repeats)
        return err_set(e, ERR_USAGE, "--%s is given twice", o->name);
    if (f->n == ARGS_VALUES_MAX)
        return err_set(e, ERR_USAGE, "--%s is given more than %d times", o->name, ARGS_VALUES_MAX);
    f->values[f->n++] = value;
    return 0;
}

static int take_option(struct args *a, char **argv, int argc, int *at, struct err *e)
{
    struct str text = str_skip(str_from(argv[*at]), 2);
    struct str name = str_cut(&text, '=');
    bool inline_value = text.p != NULL;
    size_t i = find(a, name);
    if (i == a->n_options) {
        struct str shown = utf8_clip(name, 60);
        return err_set(e, ERR_USAGE, "there is no option --%" STR_FMT " here; --help lists them",
            STR_ARG(shown));
    }
    const struct args_option *o = &a->options[i];
    if (!o->value)
        return inline_value ? err_set(e, ERR_USAGE, "--%s takes no value", o->name)
                            : take_value(a, i, STR("yes"), e);
    if (inline_value)
        return take_value(a, i, text, e);
    if (*at + 1 >= argc)
        return err_set(e, ERR_USAGE, "--%s needs a value: --%s %s", o->name, o->name, o->value);
    return take_value(a, i, str_from(argv[++*at]), e);
}

int args_parse(struct args *a, int argc, char **argv, struct err *e)
{
    for (int i = 0; i < argc; i++) {
        struct str word = str_from(argv[i]);
        if (str_starts(word, STR("--")) && word.n > 2) {
            if (take_option(a, argv, argc, &i, e) < 0)
                return -1;
        } else if (str_starts(word, STR("-")) && word.n > 1) {
            struct str shown = utf8_clip(word, 60);
            return err_set(e, ERR_USAGE,
                "there is no option %" STR_FMT "; options begin with two dashes", STR_ARG(shown));
        } else if (a->n_rest == sizeof(a->rest) / sizeof(a->rest[0])) {
            return err_set(e, ERR_USAGE, "too many arguments");
        } else {
            a->rest[a->n_rest++] = word;
        }
    }
    return 0;
}

bool args_has(const struct args *a, const char *name)
{
    return args_all(a, name)->n > 0;
}

struct str args_get(const struct args *a, const char *name)
{
    const struct args_found *f = args_all(a, name);
    return f->n > 0 ? f->values[f->n - 1] : STR_NONE;
}

const struct args_found *args_all(const struct args *a, const char *name)
{
    size_t i = find(a, str_from(name));
    assert(i < a->n_options);
    return &a->found[i];
}
