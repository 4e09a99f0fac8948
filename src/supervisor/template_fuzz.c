/* Any bytes: the words and the blanks between them are the text again, a name holds only what a
 * name may, and expansion with empty values never makes more of the text. */
#include "supervisor/template.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct splitting {
    struct str text;
    size_t at;
};

static void check_word(void *ctx, struct str word)
{
    struct splitting *s = ctx;
    assert(s->at <= s->text.n && word.n <= s->text.n - s->at);
    assert(word.n == 0 || word.p == s->text.p + s->at);
    s->at += word.n;
    assert(s->at == s->text.n || s->text.p[s->at] == ' ');
    s->at++;
}

static const char *nothing(void *ctx, struct str name)
{
    (void)ctx;
    assert(name.n > 0);
    for (size_t i = 0; i < name.n; i++)
        assert(ascii_is_alnum(name.p[i]) || name.p[i] == '_');
    return name.p[0] == 'X' ? NULL : "";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_BUF struct buf out = BUF_INIT(1 << 20);
    struct splitting s = { { (const char *)data, size }, 0 };
    struct err e = ERR_INIT;
    template_split(s.text, check_word, &s);
    assert(s.at == size + 1);
    if (template_expand(s.text, nothing, NULL, &out, &e) < 0)
        assert(e.kind == ERR_INVALID || (e.kind == ERR_TOO_LARGE && size > out.max));
    else
        assert(out.n <= size);
    return 0;
}
