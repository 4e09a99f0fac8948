/* How commands print what they got from administration. */
#pragma once
#include <jansson.h>

void print_json(const json_t *j); /* indented, on standard output */
const char *print_text(
    const json_t *row, const char *key); /* a string member, "-" when there is none */
