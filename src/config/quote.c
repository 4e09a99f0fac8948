#include "config/quote.h"

#define SHORT_MAX 80

static void quote_char(struct buf *out, struct str bytes, uint32_t cp)
{
    if (cp == '"' || cp == '\\')
        buf_addf(out, "\\%c", (char)cp);
    else if (cp < 0x20 || (cp >= 0x7f && cp < 0xa0))
        buf_addf(out, "\\u%04X", (unsigned)cp);
    else
        buf_add(out, bytes);
}

static void quote_chars(struct buf *out, struct str s)
{
    while (s.n > 0) {
        uint32_t cp;
        size_t n = utf8_next(s, &cp);
        if (n == 0)
            buf_add(out, STR("\xEF\xBF\xBD"));
        else
            quote_char(out, str_from_to(s, 0, n), cp);
        s = str_skip(s, n ? n : 1);
    }
}

void quote_toml(struct buf *out, struct str s)
{
    buf_add_byte(out, '"');
    quote_chars(out, s);
    buf_add_byte(out, '"');
}

struct str quote_short(struct arena *a, struct str s)
{
    AUTO_BUF struct buf b = BUF_INIT(SHORT_MAX * 8);
    struct str head = utf8_clip(s, SHORT_MAX);
    buf_add_byte(&b, '"');
    quote_chars(&b, head);
    buf_add(&b, head.n < s.n ? STR("...\"") : STR("\""));
    return arena_str(a, buf_str(&b));
}
