/* Whatever bytes come: they are an answer or a sentence says why not; and any body survives being
 * sent whole and being cut into chunks. */
#include "tailnet/local_api.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void comes_back(struct buf *text, struct str body)
{
    struct err e = ERR_INIT;
    struct str got;
    unsigned status;
    assert(buf_ok(text));
    int rc = local_api_split(text, &status, &got, &e);
    assert(rc == 0 && status == 200 && str_eq(got, body));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str all = { (const char *)data, size };
    AUTO_BUF struct buf raw = BUF_INIT(size + 1), whole = BUF_INIT(size + 100),
                        cut = BUF_INIT(16 * size + 200);
    struct err e = ERR_INIT;
    struct str body;
    unsigned status;
    buf_add(&raw, all);
    if (local_api_split(&raw, &status, &body, &e) < 0)
        assert(e.kind == ERR_INVALID && e.text[0] && utf8_valid(str_from(e.text)));
    else
        assert(status >= 200 && status < 600 && body.n <= size);

    buf_add(&whole, STR("HTTP/1.0 200 OK\r\n\r\n"));
    buf_add(&whole, all);
    comes_back(&whole, all);

    buf_add(&cut, STR("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"));
    for (size_t at = 0, n; at < size; at += n) {
        n = 1 + data[at] % 32;
        n = n < size - at ? n : size - at;
        buf_addf(&cut, "%zx\r\n", n);
        buf_add(&cut, str_from_to(all, at, at + n));
        buf_add(&cut, STR("\r\n"));
    }
    buf_add(&cut, STR("0\r\n\r\n"));
    comes_back(&cut, all);
    return 0;
}
