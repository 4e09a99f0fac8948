/* Any bytes: a line that leaves is one line of UTF-8 without control characters, as JSON one object
 * whose strings end where they should; a filter shows nothing above its levels. First byte: style;
 * up to the first newline: the filter and the name; the rest: the text. */
#include "supervisor/output_private.h"

#include <assert.h>
#include <string.h>

static char out[LINE_OUT_MAX];

/* Strings hold only what JSON lets them, and the object is closed by the last byte. */
static void check_json(struct str line)
{
    bool in_string = false;
    int quotes = 0;
    for (size_t i = 0; i < line.n; i++) {
        if (in_string && line.p[i] == '\\') {
            i++;
            assert(i < line.n && strchr("\"\\ntru", line.p[i]));
            if (line.p[i] != 'u')
                continue;
            for (size_t k = 0; k < 4; k++)
                assert(i + 4 < line.n && ascii_is_xdigit(line.p[i + 1 + k]));
            i += 4;
        } else if (line.p[i] == '"') {
            in_string = !in_string;
            quotes++;
        }
        assert(in_string || i == 0 || i == line.n - 1 || strchr("\":,", line.p[i]));
    }
    assert(!in_string && (quotes == 16 || quotes == 20));
    assert(str_starts(line, STR("{\"time\":\"")) && str_ends(line, STR("\"}")));
}

static void check_line(const struct output_style *style, const struct line *line)
{
    size_t n = line_format(out, style, line);
    struct str got = { out, n - 1 };
    assert(n > 0 && n < LINE_OUT_MAX && out[n - 1] == '\n');
    assert(utf8_valid(got));
    uint32_t cp = 0;
    for (struct str rest = got; rest.n; rest = str_skip(rest, utf8_next(rest, &cp))) {
        assert(utf8_next(rest, &cp) > 0);
        bool control = cp < 0x20 || (cp >= 0x7f && cp < 0xa0);
        assert(!control || (cp == '\t' && !style->json) || (cp == 0x1b && style->colour));
    }
    if (style->json)
        check_json(got);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    unsigned how = data[0];
    struct str text = { (const char *)data + 1, size - 1 };
    struct str head = str_cut(&text, '\n');
    char filter[256] = { 0 };
    size_t n = head.n < sizeof(filter) ? head.n : sizeof(filter) - 1;
    if (n)
        memcpy(filter, head.p, n);
    struct filter f;
    filter_parse(&f, filter);
    for (int t = 0; t < TARGETS; t++)
        assert(f.highest[t] >= -1 && f.highest[t] <= SAY_DEBUG);
    struct output_style style = { .timestamps = how & 1, .json = how & 2 };
    style.colour = how & 4 && !style.json;
    struct line line = { .own = how & 8,
        .level = (enum say_level)(how >> 4 & 3),
        .channel = how & 64 ? CHANNEL_STDERR : CHANNEL_STDOUT,
        .phase = how & 128 ? "pre" : NULL,
        .colour = how % (COLOURS + 1),
        .name = utf8_clip(head, NAME_SHOWN),
        .text = utf8_clip(text, OUTPUT_LINE_MAX),
        .wall_ms = (int64_t)size * 1000003 };
    check_line(&style, &line);
    return 0;
}
