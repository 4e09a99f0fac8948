/* The frame of an archive: where the gzip stream and the tar inside begin, end and are cut
 * (T-29, T-32 to T-38), and how its bytes may arrive. */
#include "support/tarball_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void good_gzip(struct buf *gz, const struct forge_gzip *how)
{
    AUTO_BUF struct buf tar = BUF_INIT(1 << 20);
    case_add_crate(&tar);
    forge_end(&tar);
    forge_gzip(gz, buf_str(&tar), how);
}

static void t29_a_wrong_header_checksum_is_refused(void **state)
{
    AUTO_BUF struct buf tar = BUF_INIT(1 << 20);
    (void)state;
    case_add_crate(&tar);
    unsigned char *header = forge_add(&tar, &(struct forge_entry){ .name = IN("x") });
    header[20] ^= 1;
    case_end_refused(&tar, "wrong checksum");
}

static void t32_a_tar_cut_anywhere_is_refused(void **state)
{
    AUTO_BUF struct buf tar = BUF_INIT(1 << 20);
    (void)state;
    case_add_crate(&tar);
    forge_end(&tar);
    for (size_t n = 0; n < tar.n; n += 128) {
        AUTO_BUF struct buf gz = BUF_INIT(1 << 20);
        forge_gzip(&gz, (struct str){ tar.p, n }, &(struct forge_gzip){ 0 });
        case_refused(buf_str(&gz), "cut short");
    }
}

static void t33_bytes_behind_the_end_blocks_are_refused(void **state)
{
    AUTO_BUF struct buf tar = BUF_INIT(1 << 20), gz = BUF_INIT(1 << 20);
    (void)state;
    case_add_crate(&tar);
    forge_end(&tar);
    for (size_t i = 0; i < 10 * FORGE_BLOCK; i++)
        buf_add_byte(&tar, i == 5000 ? 'x' : '\0');
    case_pack(&gz, &tar);
    case_refused(buf_str(&gz), "data behind the end of its tar");
}

static void t33_a_lone_zero_block_is_refused(void **state)
{
    AUTO_BUF struct buf tar = BUF_INIT(1 << 20), zero = BUF_INIT(1 << 20);
    (void)state;
    case_add_crate(&tar);
    forge_end(&zero);
    buf_add(&tar, (struct str){ zero.p, FORGE_BLOCK });
    forge_file(&tar, IN("x"), STR("x"));
    case_end_refused(&tar, "data behind the end of its tar");
}

static void t34_a_second_tar_is_refused(void **state)
{
    AUTO_BUF struct buf tar = BUF_INIT(1 << 20);
    (void)state;
    case_add_crate(&tar);
    forge_end(&tar);
    forge_file(&tar, IN("evil"), STR("evil"));
    case_end_refused(&tar, "data behind the end of its tar");
}

static void t35_a_second_gzip_member_is_refused(void **state)
{
    AUTO_BUF struct buf gz = BUF_INIT(1 << 20);
    (void)state;
    good_gzip(&gz, &(struct forge_gzip){ 0 });
    forge_gzip(&gz, STR(""), &(struct forge_gzip){ 0 });
    case_refused(buf_str(&gz), "bytes behind its gzip stream");
}

static void t36_junk_behind_the_gzip_stream_is_refused(void **state)
{
    AUTO_BUF struct buf gz = BUF_INIT(1 << 20);
    (void)state;
    good_gzip(&gz, &(struct forge_gzip){ 0 });
    buf_add_byte(&gz, '\0');
    case_refused(buf_str(&gz), "bytes behind its gzip stream");
}

static void t37_a_wrong_crc_or_length_is_refused(void **state)
{
    AUTO_BUF struct buf crc = BUF_INIT(1 << 20), len = BUF_INIT(1 << 20);
    (void)state;
    good_gzip(&crc, &(struct forge_gzip){ .crc_xor = 1 });
    case_refused(buf_str(&crc), "incorrect data check");
    good_gzip(&len, &(struct forge_gzip){ .len_add = 1 });
    case_refused(buf_str(&len), "incorrect length check");
}

static void t37_a_gzip_stream_cut_anywhere_is_refused(void **state)
{
    AUTO_BUF struct buf gz = BUF_INIT(1 << 20);
    (void)state;
    good_gzip(&gz, &(struct forge_gzip){ .name = "acme-1.2.3.crate" });
    for (size_t n = 3; n < gz.n; n++)
        case_refused((struct str){ gz.p, n }, "cut short");
}

static void t38_what_is_not_gzip_is_refused(void **state)
{
    static const struct str heads[] = { STR(""), STR("\x1f"), STR("PK\x03\x04zip file"),
        STR("\xfd"
            "7zXZ\0"),
        STR("acme-1.2.3/Cargo.toml\0\0\0"), STR("\x1f\x9d\x90"), STR("\x78\x9c\x03\0\0\0\0\x01") };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(heads); i++)
        case_refused(heads[i], "not a gzip file");
}

static void reserved_gzip_flags_and_huge_gzip_headers_are_refused(void **state)
{
    AUTO_BUF struct buf flag = BUF_INIT(1 << 20), extra = BUF_INIT(1 << 20);
    (void)state;
    good_gzip(&flag, &(struct forge_gzip){ .flags = 0x20 });
    case_refused(buf_str(&flag), "unknown header flags");
    good_gzip(&extra, &(struct forge_gzip){ .n_extra = 5000 });
    case_refused(buf_str(&extra), "gzip header of more than 4096 bytes");
}

static void gzip_headers_with_every_field_are_read(void **state)
{
    AUTO_BUF struct buf gz = BUF_INIT(1 << 20);
    (void)state;
    good_gzip(
        &gz, &(struct forge_gzip){ "a.crate", "comment", 300, .header_crc = true, .flags = 1 });
    case_accepted(buf_str(&gz), 2);
}

static void an_archive_may_arrive_a_byte_at_a_time(void **state)
{
    AUTO_ARENA struct arena *a = arena_new();
    AUTO_BUF struct buf gz = BUF_INIT(1 << 20);
    struct tarball_info info;
    struct err e = ERR_INIT;
    (void)state;
    good_gzip(&gz, &(struct forge_gzip){ .name = "x" });
    struct case_source s = { .left = buf_str(&gz), .step = 1 };
    assert_int_equal(tarball_check(a, STR("acme-1.2.3"), &case_limits,
                         &(struct tarball_source){ case_read, &s }, &info, &e),
        0);
}

static ssize_t read_failure(void *ctx, void *p, size_t n, struct err *e)
{
    (void)ctx, (void)p, (void)n;
    return err_set(e, ERR_IO, "the disk is gone");
}

static void a_failing_read_is_passed_up(void **state)
{
    AUTO_ARENA struct arena *a = arena_new();
    struct tarball_info info;
    struct err e = ERR_INIT;
    (void)state;
    assert_int_equal(tarball_check(a, STR("acme-1.2.3"), &case_limits,
                         &(struct tarball_source){ read_failure, NULL }, &info, &e),
        -1);
    assert_int_equal(e.kind, ERR_IO);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(t29_a_wrong_header_checksum_is_refused),
        cmocka_unit_test(t32_a_tar_cut_anywhere_is_refused),
        cmocka_unit_test(t33_bytes_behind_the_end_blocks_are_refused),
        cmocka_unit_test(t33_a_lone_zero_block_is_refused),
        cmocka_unit_test(t34_a_second_tar_is_refused),
        cmocka_unit_test(t35_a_second_gzip_member_is_refused),
        cmocka_unit_test(t36_junk_behind_the_gzip_stream_is_refused),
        cmocka_unit_test(t37_a_wrong_crc_or_length_is_refused),
        cmocka_unit_test(t37_a_gzip_stream_cut_anywhere_is_refused),
        cmocka_unit_test(t38_what_is_not_gzip_is_refused),
        cmocka_unit_test(reserved_gzip_flags_and_huge_gzip_headers_are_refused),
        cmocka_unit_test(gzip_headers_with_every_field_are_read),
        cmocka_unit_test(an_archive_may_arrive_a_byte_at_a_time),
        cmocka_unit_test(a_failing_read_is_passed_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
