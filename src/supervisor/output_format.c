/* One line, made for people or for machines. Whatever a process writes, what leaves is valid UTF-8
 * without control characters: a log that is shown on a terminal must not be able to drive it, and
 * one that is read by a program must parse. */
#include "supervisor/output_private.h"

#include "base/clock.h"

#include <string.h>

#define RESET "\033[0m"
#define DIM "\033[2;37m"
#define RED "\033[1;31m"

static const char *const colours[COLOURS + 1] = { "\033[1m", "\033[1;32m", "\033[1;34m",
    "\033[1;33m", "\033[1;35m", "\033[1;36m" };
static const char *const level_names[] = { "error", "warn", "info", "debug" };

struct sink {
    char *p;
    size_t n;
};

/* LINE_OUT_MAX holds the longest line there is; the test guards against a slip in that sum. The
 * last byte is kept for the newline. */
static void put(struct sink *out, const char *p, size_t n)
{
    if (n > LINE_OUT_MAX - 1 - out->n)
        n = LINE_OUT_MAX - 1 - out->n;
    if (n)
        memcpy(out->p + out->n, p, n);
    out->n += n;
}

static void put_z(struct sink *out, const char *text)
{
    put(out, text, strlen(text));
}

/* Prefix and the byte's two hex digits. */
static void put_hex(struct sink *out, const char *prefix, unsigned char byte)
{
    static const char digits[] = "0123456789abcdef";
    char hex[2] = { digits[byte >> 4], digits[byte & 15] };
    put_z(out, prefix);
    put(out, hex, 2);
}

static bool is_plain(unsigned char c, bool json)
{
    return c >= 0x20 && c < 0x7f && !(json && (c == '"' || c == '\\'));
}

#define EACH_BYTE(c) (~UINT64_C(0) / 255 * (c))

static uint64_t zero_bytes(uint64_t x)
{
    return (x - EACH_BYTE(1)) & ~x & EACH_BYTE(0x80);
}

/* The same for eight bytes at once; may say no where it is yes. */
static bool are_plain(const char *p, bool json)
{
    uint64_t x;
    memcpy(&x, p, sizeof(x));
    uint64_t bad = ((x - EACH_BYTE(0x20)) & ~x & EACH_BYTE(0x80)) | (x & EACH_BYTE(0x80)) |
                   zero_bytes(x ^ EACH_BYTE(0x7f));
    if (json)
        bad |= zero_bytes(x ^ EACH_BYTE('"')) | zero_bytes(x ^ EACH_BYTE('\\'));
    return bad == 0;
}

static size_t count_plain(struct str text, bool json)
{
    size_t n = 0;
    while (n + sizeof(uint64_t) <= text.n && are_plain(text.p + n, json))
        n += sizeof(uint64_t);
    while (n < text.n && is_plain((unsigned char)text.p[n], json))
        n++;
    return n;
}

static void put_json_byte(struct sink *out, unsigned char c)
{
    switch (c) {
    case '"':
        put_z(out, "\\\"");
        break;
    case '\\':
        put_z(out, "\\\\");
        break;
    case '\t':
        put_z(out, "\\t");
        break;
    case '\n':
        put_z(out, "\\n");
        break;
    case '\r':
        put_z(out, "\\r");
        break;
    default:
        put_hex(out, "\\u00", c);
        break;
    }
}

/* What is no plain byte: one code point, or one byte of none. Returns how many were taken. */
static size_t put_special(struct sink *out, struct str rest, bool json)
{
    uint32_t cp = 0;
    size_t n = utf8_next(rest, &cp);
    if (n == 0) {
        if (json)
            put_z(out, "\\ufffd");
        else
            put_hex(out, "\\x", (unsigned char)rest.p[0]);
        return 1;
    }
    if (cp >= 0xa0)
        put(out, rest.p, n);
    else if (json)
        put_json_byte(out, (unsigned char)cp);
    else if (cp == '\t')
        put_z(out, "\t");
    else /* C0, DEL and C1, which is two bytes */
        for (size_t i = 0; i < n; i++)
            put_hex(out, "\\x", (unsigned char)rest.p[i]);
    return n;
}

static void put_escaped(struct sink *out, struct str text, bool json)
{
    while (text.n > 0) {
        size_t n = count_plain(text, json);
        put(out, text.p, n);
        text = str_skip(text, n);
        if (text.n > 0)
            text = str_skip(text, put_special(out, text, json));
    }
}

static void put_time(struct sink *out, int64_t wall_ms)
{
    char text[CLOCK_RFC3339_LEN + 1];
    int64_t ms = wall_ms % 1000, s = wall_ms / 1000;
    if (ms < 0) {
        ms += 1000;
        s--;
    }
    clock_format_rfc3339(s, text);
    char tail[] = { '.', (char)('0' + ms / 100), (char)('0' + ms / 10 % 10), (char)('0' + ms % 10),
        'Z' };
    put(out, text, CLOCK_RFC3339_LEN - 1);
    put(out, tail, sizeof(tail));
}

static void put_json(struct sink *out, const struct line *line, struct str text)
{
    put_z(out, "{\"time\":\"");
    put_time(out, line->wall_ms);
    if (line->own) {
        put_z(out, "\",\"name\":\"groundcontrol\",\"level\":\"");
        put_z(out, level_names[line->level]);
    } else {
        put_z(out, "\",\"name\":\"");
        put_escaped(out, line->name, true);
        put_z(out, "\",\"phase\":\"");
        put_z(out, line->phase ? line->phase : "run");
        put_z(out, "\",\"stream\":\"");
        put_z(out, line->channel == CHANNEL_STDERR ? "stderr" : "stdout");
    }
    put_z(out, "\",\"text\":\"");
    put_escaped(out, text, true);
    put_z(out, "\"}");
}

static void put_name(struct sink *out, const struct line *line)
{
    if (line->own) {
        put_z(out, "groundcontrol");
        return;
    }
    put_escaped(out, line->name, false);
    if (line->phase) {
        put_z(out, "[");
        put_z(out, line->phase);
        put_z(out, "]");
    }
    if (line->channel == CHANNEL_STDERR)
        put_z(out, "[stderr]");
}

static void put_text(
    struct sink *out, const struct output_style *style, const struct line *line, struct str text)
{
    bool alarm = line->own && line->level <= SAY_WARN;
    const char *reset = style->colour ? RESET : "";
    if (style->timestamps) {
        put_z(out, style->colour ? DIM : "");
        put_time(out, line->wall_ms);
        put_z(out, reset);
        put_z(out, " ");
    }
    if (style->colour)
        put_z(out, line->own ? DIM : colours[line->colour <= COLOURS ? line->colour : 0]);
    put_name(out, line);
    put_z(out, reset);
    put_z(out, ": ");
    if (!alarm) {
        put_escaped(out, text, false);
        return;
    }
    put_z(out, style->colour ? RED : "");
    put_z(out, line->level == SAY_WARN ? "WARN " : "ERROR ");
    put_escaped(out, text, false);
    put_z(out, reset);
}

size_t line_format(
    char out[LINE_OUT_MAX], const struct output_style *style, const struct line *line)
{
    struct sink sink = { out, 0 };
    struct str text = str_from_to(line->text, 0, OUTPUT_LINE_MAX);
    if (style->json)
        put_json(&sink, line, text);
    else
        put_text(&sink, style, line, text);
    sink.p[sink.n++] = '\n';
    return sink.n;
}

/* As the level filter of the Rust world: names in any case, or 0 to 5. trace is debug here. */
static bool parse_level(struct str word, int *ret)
{
    static const struct {
        struct str name;
        int level;
    } known[] = {
        { { "off", 3 }, -1 },
        { { "error", 5 }, SAY_ERROR },
        { { "warn", 4 }, SAY_WARN },
        { { "info", 4 }, SAY_INFO },
        { { "debug", 5 }, SAY_DEBUG },
        { { "trace", 5 }, SAY_DEBUG },
    };
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        struct str digit = { &"012345"[i], 1 };
        if (str_eq_nocase(word, known[i].name) || str_eq(word, digit)) {
            *ret = known[i].level;
            return true;
        }
    }
    return false;
}

/* A directive speaks of all targets that begin with its name, and the longest name counts; a later
 * one replaces an equal one. */
void filter_parse(struct filter *f, const char *text)
{
    static const char *const targets[TARGETS] = { "stdout", "stderr", "groundcontrol" };
    size_t longest[TARGETS] = { 0 };
    struct str rest = str_from(text);
    bool any = false;
    for (int t = 0; t < TARGETS; t++)
        f->highest[t] = -1;
    while (rest.n) {
        struct str level = str_trim_ws(str_cut(&rest, ','));
        struct str name = STR_NONE;
        int highest = SAY_DEBUG;
        if (str_has(level, '=')) {
            name = str_trim_ws(str_cut(&level, '='));
            if (name.n == 0 || !parse_level(str_trim_ws(level), &highest))
                continue;
        } else if (level.n == 0) {
            continue;
        } else if (!parse_level(level, &highest)) {
            name = level;
        }
        any = true;
        for (int t = 0; t < TARGETS; t++) {
            if (!str_starts(str_from(targets[t]), name) || name.n < longest[t])
                continue;
            f->highest[t] = highest;
            longest[t] = name.n;
        }
    }
    for (int t = 0; t < TARGETS && !any; t++)
        f->highest[t] = SAY_INFO;
}
