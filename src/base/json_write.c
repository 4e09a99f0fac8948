#include "base/json_write.h"

#include "base/clock.h"

#include "base/num.h"

/* Before a value or key: the comma, if one is due. */
static void json_next(struct json_out *j)
{
    if (j->comma)
        buf_add_byte(j->b, ',');
    j->comma = true;
}

static void json_begin(struct json_out *j, char bracket)
{
    json_next(j);
    buf_add_byte(j->b, bracket);
    j->comma = false;
}

static void json_end(struct json_out *j, char bracket)
{
    buf_add_byte(j->b, bracket);
    j->comma = true;
}

void json_object_begin(struct json_out *j)
{
    json_begin(j, '{');
}

void json_object_end(struct json_out *j)
{
    json_end(j, '}');
}

void json_array_begin(struct json_out *j)
{
    json_begin(j, '[');
}

void json_array_end(struct json_out *j)
{
    json_end(j, ']');
}

static void add_escape(struct buf *b, unsigned char c)
{
    static const char short_forms[32] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'
    };
    char letter = c < 32 ? short_forms[c] : (char)c;
    if (letter)
        buf_add(b, (struct str){ (char[]){ '\\', letter }, 2 });
    else
        buf_addf(b, "\\u%04x", c);
}

static void add_quoted(struct buf *b, struct str s)
{
    buf_add_byte(b, '"');
    size_t plain = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c >= 32 && c != '"' && c != '\\')
            continue;
        buf_add(b, str_from_to(s, plain, i));
        add_escape(b, c);
        plain = i + 1;
    }
    buf_add(b, str_skip(s, plain));
    buf_add_byte(b, '"');
}

void json_key(struct json_out *j, struct str key)
{
    json_next(j);
    add_quoted(j->b, key);
    buf_add_byte(j->b, ':');
    j->comma = false;
}

void json_put_str(struct json_out *j, struct str s)
{
    json_next(j);
    add_quoted(j->b, s);
}

void json_put_str_or_null(struct json_out *j, struct str s)
{
    if (s.p)
        json_put_str(j, s);
    else
        json_put_null(j);
}

void json_put_int(struct json_out *j, int64_t v)
{
    json_next(j);
    if (v < 0)
        buf_add_byte(j->b, '-');
    buf_add_u64(j->b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void json_put_bool(struct json_out *j, bool v)
{
    json_put_raw(j, v ? STR("true") : STR("false"));
}

void json_put_null(struct json_out *j)
{
    json_put_raw(j, STR("null"));
}

void json_put_raw(struct json_out *j, struct str json)
{
    json_next(j);
    buf_add(j->b, json);
}

void json_put_time(struct json_out *j, int64_t unix_s)
{
    char text[CLOCK_RFC3339_LEN + 1];
    clock_format_rfc3339(unix_s, text);
    json_put_str(j, str_from(text));
}
