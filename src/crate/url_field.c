#include "crate/url_field.h"

#define KEYWORD_MAX 20

int url_field_check(struct str url, struct err *e)
{
    if (url.n == 0)
        return 0;
    if (url.n > URL_FIELD_MAX)
        return err_set(e, ERR_INVALID, "the URL is longer than %d bytes", URL_FIELD_MAX);
    bool secure = str_starts_nocase(url, STR("https://"));
    if (!secure && !str_starts_nocase(url, STR("http://")))
        return err_set(e, ERR_INVALID, "the URL must start with http:// or https://");
    if (url.n == (secure ? sizeof("https://") : sizeof("http://")) - 1)
        return err_set(e, ERR_INVALID, "the URL names no host");
    for (size_t i = 0; i < url.n; i++) {
        unsigned char c = (unsigned char)url.p[i];
        if (c <= 0x20 || c == 0x7f)
            return err_set(e, ERR_INVALID, "the URL must not hold blanks or control characters");
    }
    return 0;
}

int keyword_check(struct str keyword, struct err *e)
{
    bool ok = keyword.n > 0 && keyword.n <= KEYWORD_MAX && ascii_is_alnum(keyword.p[0]);
    for (size_t i = 1; ok && i < keyword.n; i++) {
        char c = keyword.p[i];
        ok = ascii_is_alnum(c) || c == '_' || c == '-' || c == '+';
    }
    if (!ok)
        return err_set(e, ERR_INVALID,
            "keyword `%" STR_FMT
            "` must be 1 to %d ASCII letters, digits, `_`, `-` or `+` and start "
            "with a letter or digit",
            STR_ARG(utf8_clip(keyword, 40)), KEYWORD_MAX);
    return 0;
}
