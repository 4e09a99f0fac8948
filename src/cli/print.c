#include "cli/print.h"

#include <stdio.h>

void print_json(const json_t *j)
{
    (void)json_dumpf(j, stdout, JSON_INDENT(2));
    (void)putchar('\n');
}

const char *print_text(const json_t *row, const char *key)
{
    const char *s = json_string_value(json_object_get(row, key));
    return s ? s : "-";
}
