/* Any bytes as the body of a publish, in pieces whose size the first byte chooses: the parts are
 * exactly the bytes between the lengths, however the body is cut; then the JSON part is read. */
#include "base/buf.h"
#include "crate/dep.h"
#include "crate/publish_body.h"

#include <assert.h>

#define LIMIT 65536u

static int run(struct str body, size_t step, uint64_t body_len, struct buf *parts)
{
    struct publish_frame f;
    publish_frame_init(&f, (struct publish_limits){ LIMIT, LIMIT }, body_len);
    while (body.n > 0) {
        struct str in = str_from_to(body, 0, step), bytes;
        enum publish_part part;
        int got;
        body = str_skip(body, step);
        while ((got = publish_frame_next(&f, &in, &part, &bytes, NULL)) == 1)
            buf_add(&parts[part], bytes);
        if (got < 0)
            return -1;
        assert(in.n == 0);
    }
    return publish_frame_end(&f, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct str body = { (const char *)data + 1, size - 1 };
    AUTO_BUF struct buf json = BUF_INIT(LIMIT), archive = BUF_INIT(LIMIT);
    struct buf parts[2] = { json, archive };
    int whole = run(body, body.n, body.n, parts);
    assert(buf_ok(&parts[0]) && buf_ok(&parts[1]));
    size_t n_json = parts[0].n, n_archive = parts[1].n;
    if (whole == 0)
        assert(body.n == 8 + n_json + n_archive);
    buf_clear(&parts[0]);
    buf_clear(&parts[1]);
    int cut = run(body, (size_t)data[0] + 1, body.n, parts);
    assert(cut == whole && parts[0].n == n_json && parts[1].n == n_archive);
    AUTO_ARENA struct arena *a = arena_new();
    struct publish_meta m;
    struct err e = ERR_INIT;
    if (publish_meta_parse(a, whole == 0 ? buf_str(&parts[0]) : body, &m, &e) < 0)
        assert(e.kind != ERR_NONE && utf8_valid(str_from(e.text)));
    json = parts[0];
    archive = parts[1];
    return 0;
}
