#include "cli/print.h"

#include "base/json.h"

#include <stdio.h>

#define LINE_MAX_BYTES (4u << 20)

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

/* Control characters of both sets (xterm obeys the second in UTF-8 as well), and those that turn
 * the direction of the text around (CVE-2021-42574). */
static bool is_steering(uint32_t cp)
{
    return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || (cp >= 0x202a && cp <= 0x202e) ||
           (cp >= 0x2066 && cp <= 0x2069);
}

void print_clean(struct buf *out, struct str text)
{
    while (text.n > 0) {
        uint32_t cp;
        size_t n = utf8_next(text, &cp);
        if (n == 0 || is_steering(cp))
            buf_add_byte(out, n == 1 && (cp == '\n' || cp == '\t') ? ' ' : '?');
        else
            buf_add(out, str_from_to(text, 0, n));
        text = str_skip(text, n ? n : 1);
    }
}

void print_line(const json_t *row, const char *key)
{
    struct buf b AUTO_BUF = BUF_INIT(LINE_MAX_BYTES);
    print_clean(&b, json_str(json_object_get(row, key)));
    printf("%" STR_FMT "\n", STR_ARG(buf_str(&b)));
}
