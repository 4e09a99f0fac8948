#include "index/index_file.h"

#include "base/digest.h"
#include "base/gzip.h"

#include <assert.h>

#define GZ_TAIL "-gz\""

static struct answer *make_answer(struct str sum, struct str body, bool packed)
{
    char etag[INDEX_SUM_LEN + 8];
    struct buf b = BUF_INIT(sizeof(etag));
    buf_addf(&b, packed ? "\"%" STR_FMT GZ_TAIL : "\"%" STR_FMT "\"", STR_ARG(sum));
    struct answer_spec spec = {
        .status = 200,
        .content_type = STR("text/plain"),
        .cache_control = STR("no-cache"),
        .etag = buf_str(&b),
        .encoding = packed ? STR("gzip") : STR_NONE,
        .vary_encoding = true,
        .body = body,
    };
    struct answer *a = answer_new(&spec);
    buf_deinit(&b);
    return a;
}

int index_file_make(
    struct arena *a, struct str name, struct str lines, struct index_file_row *ret, struct err *e)
{
    uint8_t sum[SHA256_LEN];
    sha256(lines, sum);
    char text[INDEX_SUM_LEN + 1];
    base64url_format(sum, 16, text);

    struct index_file_row f = {
        .name = name,
        .sum = arena_str(a, (struct str){ text, INDEX_SUM_LEN }),
        .plain_size = (int64_t)lines.n,
    };
    if (lines.n < INDEX_PLAIN_BELOW) {
        f.plain = lines;
    } else {
        struct buf packed AUTO_BUF = BUF_INIT(INDEX_FILE_MAX);
        if (gzip_compress(lines, &packed, e) < 0)
            return -1;
        f.packed = arena_str(a, buf_str(&packed));
    }
    *ret = f;
    return 0;
}

struct answer *index_file_answer(const struct index_file_row *f)
{
    bool packed = f->packed.p != NULL;
    return make_answer(f->sum, packed ? f->packed : f->plain, packed);
}

bool index_file_is_packed(const struct answer *a)
{
    return str_ends(answer_etag(a), STR(GZ_TAIL));
}

int index_file_unpack(const struct answer *packed, struct answer **ret, struct err *e)
{
    struct str etag = answer_etag(packed);
    assert(str_ends(etag, STR(GZ_TAIL)));
    struct buf plain AUTO_BUF = BUF_INIT(INDEX_FILE_MAX);
    if (gzip_inflate(answer_body(packed), &plain, e) < 0)
        return -1;
    *ret = make_answer(str_from_to(etag, 1, etag.n - sizeof(GZ_TAIL) + 1), buf_str(&plain), false);
    return 0;
}
