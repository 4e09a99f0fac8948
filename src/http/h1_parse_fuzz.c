/* The first byte says how: a head whole and byte by byte, which must agree, or a chunked body in
 * two splittings, which must give the same bytes. */
#include "http/h1_parse.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int parse_pieces(struct str in, size_t step, struct h1_head *ret, unsigned *ret_status)
{
    static const struct h1_limits limits = { 1024, 4096, 20, { "x", 1 } };
    AUTO_ARENA struct arena *a = arena_new();
    struct err e = ERR_INIT;
    size_t scanned = 0;
    int r = 0;
    for (size_t n = step < in.n ? step : in.n; r == 0; n += step) {
        struct str part = str_from_to(in, 0, n);
        r = h1_parse_head(a, &limits, part, &scanned, ret, ret_status, &e);
        if (n >= in.n)
            break;
    }
    assert(r != 1 || (ret->size <= in.n && ret->target.n > 0 && ret->body_len >= -1));
    assert(r != 1 || (ret->n_trusted > 0) == (ret->trusted.p != NULL));
    return r;
}

static void check_head(struct str in)
{
    struct h1_head whole, pieces;
    unsigned a = 0, b = 0;
    int r = parse_pieces(in, in.n + 1, &whole, &a);
    assert(parse_pieces(in, 1, &pieces, &b) == r);
    assert(r != -1 || (a == b && (a == 0 || (a >= 400 && a < 600))));
    assert(r != 1 || (whole.size == pieces.size && whole.body_len == pieces.body_len));
}

static int run_chunks(struct str in, size_t step, uint64_t *ret_sum)
{
    struct h1_chunks c = { 0 };
    *ret_sum = 0;
    while (in.n > 0) {
        struct str part = str_from_to(in, 0, step), bytes = STR_NONE;
        in = str_skip(in, step);
        for (int r = 1; r != 0;) {
            r = h1_chunks_next(&c, &part, &bytes, NULL);
            if (r == -1 || r == 2)
                return r;
            for (size_t i = 0; r == 1 && i < bytes.n; i++)
                *ret_sum = *ret_sum * 31 + (uint8_t)bytes.p[i] + 1;
        }
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct str in = { (const char *)data + 1, size - 1 };
    uint64_t a, b;
    if (data[0] != '#') {
        check_head((struct str){ (const char *)data, size });
        return 0;
    }
    int r = run_chunks(in, in.n + 1, &a);
    assert(run_chunks(in, 1, &b) == r);
    assert(r == -1 || a == b);
    return 0;
}
