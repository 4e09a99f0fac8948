/* T-39 to T-41: what claims or unpacks to too much is refused within 2 s of processor time and
 * 4 MiB of memory. The sources are endless and make only what is asked for. */
#include "base/mem.h"
#include "support/tarball_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <zlib.h>

#include <cmocka.h>

/* Deflate blocks of 1 MiB of zeros each, complete at a byte border: repeated, they are one stream.
 */
struct bomb {
    struct buf head, piece;
    size_t pos;
    bool in_piece;
    uint64_t served;
};

static void deflate_piece(z_stream *z, struct buf *out, struct str plain)
{
    z->next_in = (z_const Bytef *)(uintptr_t)plain.p;
    z->avail_in = (uInt)plain.n;
    do {
        z->next_out = (Bytef *)buf_room(out, 4096);
        z->avail_out = 4096;
        (void)deflate(z, Z_FULL_FLUSH);
        buf_grew(out, 4096 - z->avail_out);
    } while (z->avail_out == 0);
}

static void bomb_init(struct bomb *b, struct str tar_head)
{
    z_stream z = { 0 };
    AUTO_FREE char *zeros = mem_zalloc(1 << 20);
    *b = (struct bomb){ .head = BUF_INIT(1 << 20), .piece = BUF_INIT(1 << 20) };
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    buf_add(&b->head, STR("\x1f\x8b\x08\0\0\0\0\0\x02\xff"));
    deflate_piece(&z, &b->head, tar_head);
    deflate_piece(&z, &b->piece, (struct str){ zeros, 1 << 20 });
    (void)deflateEnd(&z);
}

static void bomb_deinit(struct bomb *b)
{
    buf_deinit(&b->head);
    buf_deinit(&b->piece);
}

static ssize_t read_bomb(void *ctx, void *p, size_t n, struct err *e)
{
    struct bomb *b = ctx;
    (void)e;
    struct str now = str_skip(buf_str(b->in_piece ? &b->piece : &b->head), b->pos);
    if (n > now.n)
        n = now.n;
    memcpy(p, now.p, n);
    b->pos += n;
    if (n == now.n) {
        b->in_piece = true;
        b->pos = 0;
    }
    b->served += n;
    return (ssize_t)n;
}

static int64_t cpu_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static long peak_kib(void)
{
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    return u.ru_maxrss;
}

static uint64_t defuse(struct str tar_head, const struct tarball_limits *limits, const char *phrase)
{
    AUTO_ARENA struct arena *a = arena_new();
    struct tarball_info info;
    struct err e = ERR_INIT;
    struct bomb bomb;
    bomb_init(&bomb, tar_head);
    int64_t began = cpu_ms();
    long peak = peak_kib();
    assert_int_equal(tarball_check(a, STR("acme-1.2.3"), limits,
                         &(struct tarball_source){ read_bomb, &bomb }, &info, &e),
        -1);
    assert_non_null(strstr(e.text, phrase));
    assert_in_range(cpu_ms() - began, 0, 2000);
    assert_in_range(peak_kib() - peak, 0, 4096);
    bomb_deinit(&bomb);
    return bomb.served;
}

static void t39_an_honest_claim_past_the_limit_costs_one_read(void **state)
{
    AUTO_BUF struct buf tar = BUF_INIT(1 << 20);
    (void)state;
    unsigned char *h = forge_add(&tar, &(struct forge_entry){ .name = IN("x") });
    forge_patch(h, 124, STR("\x80\x00\x00\x00\x00\x00\x00\x02\x80\x00\x00\x00"));
    assert_in_range(defuse(buf_str(&tar), &case_limits, "larger than allowed"), 1, 65536);
}

static void t40_zeros_behind_the_end_are_not_read_on(void **state)
{
    AUTO_BUF struct buf tar = BUF_INIT(1 << 20);
    (void)state;
    forge_file(&tar, IN("Cargo.toml"), STR("[package]\n"));
    (void)defuse(buf_str(&tar), &case_limits, "more than 1 MiB of zeros");
}

static void t40_the_sum_of_claims_counts(void **state)
{
    struct tarball_limits limits = case_limits;
    AUTO_BUF struct buf tar = BUF_INIT(1 << 20);
    (void)state;
    limits.unpacked_max = 100000;
    forge_file(&tar, IN("Cargo.toml"), STR("[package]\n"));
    unsigned char *h = forge_add(&tar, &(struct forge_entry){ .name = IN("x") });
    forge_patch(h, 124, STR("00000303237")); /* 99,999 bytes: fits alone, not behind a header */
    (void)defuse(buf_str(&tar), &limits, "larger than allowed");
}

static void the_time_of_the_thread_is_bounded(void **state)
{
    struct tarball_limits limits = case_limits;
    AUTO_BUF struct buf tar = BUF_INIT(1 << 20);
    (void)state;
    limits.cpu_ms_max = 10;
    limits.unpacked_max = UINT64_MAX;
    unsigned char *h = forge_add(&tar, &(struct forge_entry){ .name = IN("x") });
    forge_patch(h, 124, STR("\x80\x00\x00\x00\x00\x00\x00\xff\x00\x00\x00\x00"));
    (void)defuse(buf_str(&tar), &limits, "more than 10 ms to check");
}

/* Stored deflate blocks, one tar header each: 1,000,000 empty files, made as they are read. */
struct swarm {
    unsigned next;
    struct buf tar, block;
};

static ssize_t read_swarm(void *ctx, void *p, size_t n, struct err *e)
{
    struct swarm *s = ctx;
    (void)e;
    if (s->block.n == 0 && s->next < 1000000) {
        char name[100];
        (void)snprintf(name, sizeof(name), IN("d%u/%u"), s->next / 10, s->next);
        buf_clear(&s->tar);
        forge_file(&s->tar, name, STR(""));
        if (s->next++ == 0)
            buf_add(&s->block, STR("\x1f\x8b\x08\0\0\0\0\0\x02\xff"));
        buf_add(&s->block, STR("\x00\x00\x02\xff\xfd")); /* stored, 512 bytes */
        buf_add(&s->block, buf_str(&s->tar));
    }
    if (n > s->block.n)
        n = s->block.n;
    memcpy(p, s->block.p, n);
    buf_drop_front(&s->block, n);
    return (ssize_t)n;
}

static void t41_a_million_empty_entries_stop_at_the_limit(void **state)
{
    AUTO_ARENA struct arena *a = arena_new();
    struct swarm swarm = { .tar = BUF_INIT(4096), .block = BUF_INIT(4096) };
    struct tarball_info info;
    struct err e = ERR_INIT;
    (void)state;
    long peak = peak_kib();
    assert_int_equal(tarball_check(a, STR("acme-1.2.3"), &case_limits,
                         &(struct tarball_source){ read_swarm, &swarm }, &info, &e),
        -1);
    assert_non_null(strstr(e.text, "more than 50000 entries"));
    assert_in_range(swarm.next, 50000, 50200);
    assert_in_range(peak_kib() - peak, 0, 4096);
    buf_deinit(&swarm.tar);
    buf_deinit(&swarm.block);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(t39_an_honest_claim_past_the_limit_costs_one_read),
        cmocka_unit_test(t40_zeros_behind_the_end_are_not_read_on),
        cmocka_unit_test(t40_the_sum_of_claims_counts),
        cmocka_unit_test(the_time_of_the_thread_is_bounded),
        cmocka_unit_test(t41_a_million_empty_entries_stop_at_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
