#include "base/hujson.h"
#include "base/json.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_stay(struct str json)
{
    struct buf again AUTO_BUF = BUF_INIT(json.n + 1);
    assert(hujson_to_json(json, &again, NULL) == 0);
    assert(str_eq(buf_str(&again), json));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = { (const char *)data, size };
    struct buf out AUTO_BUF = BUF_INIT(size + 1);
    json_t *j AUTO_JSON = NULL, *plain AUTO_JSON = NULL;
    if (json_read(text, &plain, NULL) == 0)
        must_stay(text);
    if (hujson_to_json(text, &out, NULL) < 0) {
        assert(!plain && out.n == 0);
        return 0;
    }
    assert(out.n == size);
    for (size_t i = 0; i < size; i++)
        assert(out.p[i] == text.p[i] || (out.p[i] == ' ' && text.p[i] != '\n'));
    if (json_read(buf_str(&out), &j, NULL) == 0)
        must_stay(buf_str(&out));
    return 0;
}
