/* Every row T-01 to T-52 of the archive corpus that the archive alone decides, each built from the
 * same good crate with one thing wrong, and what cargo and git archive really write. */
#include "crate/tar_path.h"
#include "support/tarball_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* --- one bad entry behind the good ones --- */

struct row {
    const char *id, *phrase;
    struct forge_entry entry;
    size_t patch_at; /* of the header; patch.n 0: none */
    struct str patch;
    struct str pax; /* body of an 'x' before the entry */
};

#define DEEP16 "a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/"
#define DEEP48 DEEP16 DEEP16 DEEP16
#define LONG50 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee"

/* clang-format off */
static const struct row rows[] = {
    { .id = "T-01 path outside NAME-VERSION/", .phrase = "not inside the folder acme-1.2.3/",
        .entry = { .name = "other-1.0.0/x" } },
    { .id = "T-01 path that only begins like NAME-VERSION", .phrase = "not inside the folder",
        .entry = { .name = "acme-1.2.3x/y" } },
    { .id = "T-01 path in other case", .phrase = "not inside the folder",
        .entry = { .name = "ACME-1.2.3/y" } },
    { .id = "T-01 file in place of the folder", .phrase = "a file where the folder",
        .entry = { .name = "acme-1.2.3" } },
    { .id = "T-02 .. component", .phrase = "\"..\" component",
        .entry = { .name = IN("../../etc/passwd") } },
    { .id = "T-02 .. at the end", .phrase = "\"..\" component", .entry = { .name = IN("src/..") } },
    { .id = "T-03 absolute path", .phrase = "not inside the folder",
        .entry = { .name = "/acme-1.2.3/x" } },
    { .id = "T-04 ./ in front", .phrase = "not inside the folder",
        .entry = { .name = "./acme-1.2.3/x" } },
    { .id = "T-04 ./ inside", .phrase = "\".\" or", .entry = { .name = IN("./x") } },
    { .id = "T-04 // inside", .phrase = "empty component", .entry = { .name = "acme-1.2.3//x" } },
    { .id = "T-04 / behind a file", .phrase = "empty component", .entry = { .name = IN("x/") } },
    { .id = "T-04 // behind a folder", .phrase = "empty component",
        .entry = { .name = IN("x//"), .type = '5' } },
    { .id = "T-04 ustar prefix that escapes", .phrase = "\"..\" component",
        .entry = { .name = "x", .prefix = "acme-1.2.3/..", .ustar = true } },
    { .id = "T-05 symbolic link", .phrase = "is a symbolic link",
        .entry = { .name = IN("x"), .type = '2', .link = "/etc/passwd" } },
    { .id = "T-06 hard link", .phrase = "is a hard link",
        .entry = { .name = IN("x"), .type = '1', .link = IN("Cargo.toml") } },
    { .id = "T-07 character device", .phrase = "is a character device",
        .entry = { .name = IN("x"), .type = '3' } },
    { .id = "T-08 block device", .phrase = "is a block device",
        .entry = { .name = IN("x"), .type = '4' } },
    { .id = "T-09 fifo", .phrase = "is a named pipe", .entry = { .name = IN("x"), .type = '6' } },
    { .id = "T-10 contiguous file", .phrase = "is a contiguous file",
        .entry = { .name = IN("x"), .type = '7' } },
    { .id = "T-11 unknown type Z", .phrase = "type 0x5a",
        .entry = { .name = IN("x"), .type = 'Z' } },
    { .id = "T-12 GNU sparse file", .phrase = "is a GNU sparse file",
        .entry = { .name = IN("x"), .type = 'S' } },
    { .id = "T-13 PAX sparse keys", .phrase = "GNU.sparse.major",
        .entry = { .name = IN("x") }, .pax = STR("22 GNU.sparse.major=1\n") },
    { .id = "T-15 .cargo-ok as a file", .phrase = ".cargo-ok",
        .entry = { .name = IN(".cargo-ok") } },
    { .id = "T-15 .cargo-ok in capitals", .phrase = ".cargo-ok",
        .entry = { .name = IN(".CARGO-OK") } },
    { .id = "T-15 .cargo-ok with a Kelvin sign and a joiner", .phrase = ".cargo-ok",
        .entry = { .name = IN(".cargo\xe2\x80\x8d-o\xe2\x84\xaa") } },
    { .id = "T-15 .cargo-ok as a link", .phrase = "is a symbolic link",
        .entry = { .name = IN(".cargo-ok"), .type = '2', .link = "x" } },
    { .id = "T-15 .cargo-ok as a folder", .phrase = ".cargo-ok",
        .entry = { .name = IN(".cargo-ok/x") } },
    { .id = "T-16 Cargo.toml as a folder", .phrase = "Cargo.toml must be a file",
        .entry = { .name = IN("Cargo.toml/"), .type = '5' } },
    { .id = "T-16 Cargo.toml as a folder by a file in it", .phrase = "Cargo.toml must be a file",
        .entry = { .name = IN("Cargo.toml/x") } },
    { .id = "T-17 PAX size above the header's", .phrase = "disagree about the size",
        .entry = { .name = IN("x"), .data = STR("abc") }, .pax = STR("10 size=4\n") },
    { .id = "T-18 PAX size below the header's", .phrase = "disagree about the size",
        .entry = { .name = IN("x"), .data = STR("abc") }, .pax = STR("10 size=2\n") },
    { .id = "T-19 header size 0 with a PAX size", .phrase = "disagree about the size",
        .entry = { .name = IN("x") }, .pax = STR("12 size=512\n") },
    { .id = "T-20 PAX size that is no number", .phrase = "not a number",
        .entry = { .name = IN("x") }, .pax = STR("12 size=0x0\n") },
    { .id = "T-21 PAX size that overflows", .phrase = "not a number",
        .entry = { .name = IN("x") }, .pax = STR("29 size=18446744073709551616\n") },
    { .id = "T-22 PAX path that escapes", .phrase = "\"..\" component",
        .entry = { .name = IN("x") }, .pax = STR("27 path=acme-1.2.3/../evil\n") },
    { .id = "T-22 empty PAX path", .phrase = "empty PAX record",
        .entry = { .name = IN("x") }, .pax = STR("8 path=\n") },
    { .id = "T-22 two PAX paths", .phrase = "sets path twice",
        .entry = { .name = IN("x") },
        .pax = STR("21 path=acme-1.2.3/x\n" "21 path=acme-1.2.3/y\n") },
    { .id = "T-23 PAX linkpath", .phrase = "linkpath",
        .entry = { .name = IN("x") }, .pax = STR("14 linkpath=x\n") },
    { .id = "T-25 PAX record length past the body", .phrase = "malformed PAX",
        .entry = { .name = IN("x") }, .pax = STR("99 path=acme-1.2.3/x\n") },
    { .id = "T-25 PAX record length too short", .phrase = "malformed PAX",
        .entry = { .name = IN("x") }, .pax = STR("20 path=acme-1.2.3/x\n") },
    { .id = "T-25 PAX record length 0", .phrase = "malformed PAX",
        .entry = { .name = IN("x") }, .pax = STR("0 path=x\n") },
    { .id = "T-25 PAX record length with a sign", .phrase = "malformed PAX",
        .entry = { .name = IN("x") }, .pax = STR("+11 mtime=1\n") },
    { .id = "T-25 PAX record without a value", .phrase = "malformed PAX",
        .entry = { .name = IN("x") }, .pax = STR("8 path\n\n") },
    { .id = "T-25 line feed inside a PAX value", .phrase = "malformed PAX",
        .entry = { .name = IN("x") }, .pax = STR("27 comment=1\n" "12 path=/etc\n") },
    { .id = "T-30 base-256 size below zero", .phrase = "not a positive number",
        .entry = { .name = IN("x") },
        .patch_at = 124, .patch = STR("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe\x00") },
    { .id = "T-30 base-256 size past 63 bits", .phrase = "not a positive number",
        .entry = { .name = IN("x") },
        .patch_at = 124, .patch = STR("\x80\x00\x00\x00\x80\x00\x00\x00\x00\x00\x00\x00") },
    { .id = "T-30 size with a minus", .phrase = "not a positive number",
        .entry = { .name = IN("x") }, .patch_at = 124, .patch = STR("-0000000001") },
    { .id = "T-30 empty size", .phrase = "not a positive number",
        .entry = { .name = IN("x") }, .patch_at = 124, .patch = STR("\0\0\0\0\0\0\0\0\0\0\0\0") },
    { .id = "T-31 size past the end", .phrase = "cut short",
        .entry = { .name = IN("x") }, .patch_at = 124, .patch = STR("00000007777") },
    { .id = "T-39 a claim of 10 GiB", .phrase = "larger than allowed",
        .entry = { .name = IN("x") },
        .patch_at = 124, .patch = STR("\x80\x00\x00\x00\x00\x00\x00\x02\x80\x00\x00\x00") },
    { .id = "T-42 deeper than 64 folders", .phrase = "more than 64 folders deep",
        .entry = { .name = DEEP48 "x", .prefix = IN(DEEP16 DEEP16 "x"), .ustar = true } },
    { .id = "T-45 path that is not UTF-8", .phrase = "not valid UTF-8",
        .entry = { .name = IN("x\xff") } },
    { .id = "T-45 path in Latin-1", .phrase = "\"acme-1.2.3/caf\\xe9\"",
        .entry = { .name = IN("caf\xe9") } },
    { .id = "T-46 control character", .phrase = "control character",
        .entry = { .name = IN("x\x1b[2J") } },
    { .id = "T-46 C1 control character", .phrase = "control character",
        .entry = { .name = IN("x\xc2\x9b") } },
    { .id = "T-46 direction override", .phrase = "control character",
        .entry = { .name = IN("x\xe2\x80\xaesr.c") } },
    { .id = "T-46 backslash", .phrase = "Windows cannot store", .entry = { .name = IN("..\\x") } },
    { .id = "T-46 colon", .phrase = "Windows cannot store", .entry = { .name = IN("C:x") } },
    { .id = "T-47 aux", .phrase = "Windows device", .entry = { .name = IN("src/aux") } },
    { .id = "T-47 con. with an extension", .phrase = "Windows device",
        .entry = { .name = IN("CON.tar.gz") } },
    { .id = "T-47 com1 as a folder", .phrase = "Windows device",
        .entry = { .name = IN("com1/x") } },
    { .id = "T-47 lpt with a superscript", .phrase = "Windows device",
        .entry = { .name = IN("LPT\xc2\xb3.txt") } },
    { .id = "T-47 trailing dot", .phrase = "ends in a dot", .entry = { .name = IN("x.") } },
    { .id = "T-47 trailing blank in a folder", .phrase = "ends in a dot or a space",
        .entry = { .name = IN("x /y") } },
    { .id = "T-48 setuid", .phrase = "setuid", .entry = { .name = IN("x"), .mode = 04755 } },
    { .id = "T-48 setgid", .phrase = "setuid, setgid",
        .entry = { .name = IN("x"), .mode = 02755 } },
    { .id = "T-48 sticky folder", .phrase = "sticky",
        .entry = { .name = IN("x"), .type = '5', .mode = 01755 } },
    { .id = "T-48 world-writable", .phrase = "writable for everyone",
        .entry = { .name = IN("x"), .mode = 0666 } },
    { .id = "T-49 duplicate path", .phrase = "there twice", .entry = { .name = IN("src/lib.rs") } },
    { .id = "T-49 duplicate by case", .phrase = "there twice",
        .entry = { .name = IN("SRC/Lib.rs") } },
    { .id = "T-49 file where a folder is", .phrase = "a file and a folder",
        .entry = { .name = IN("src") } },
    { .id = "T-49 folder where a file is", .phrase = "a file and a folder",
        .entry = { .name = IN("src/lib.rs/"), .type = '5' } },
    { .id = "T-49 file below a file", .phrase = "lies below a file",
        .entry = { .name = IN("src/LIB.rs/x") } },
    { .id = "T-50 two manifests by case", .phrase = "spelled Cargo.toml",
        .entry = { .name = IN("cargo.toml") } },
    { .id = "T-50 two manifests of one spelling", .phrase = "there twice",
        .entry = { .name = IN("Cargo.toml") } },
    { .id = "header with bytes behind the name", .phrase = "stray bytes",
        .entry = { .name = IN("x") }, .patch_at = 90, .patch = STR("evil") },
    { .id = "GNU header with a prefix", .phrase = "stray bytes",
        .entry = { .name = IN("x"), .prefix = "y" } },
    { .id = "header of neither ustar nor GNU", .phrase = "neither ustar nor GNU",
        .entry = { .name = IN("x") }, .patch_at = 257, .patch = STR("\0\0\0\0\0\0\0\0") },
    { .id = "file with a link target", .phrase = "names a link target",
        .entry = { .name = IN("x"), .link = "y" } },
    { .id = "folder with content", .phrase = "folder with content",
        .entry = { .name = IN("x/"), .type = '5', .data = STR("x") } },
    { .id = "malformed mode", .phrase = "malformed number",
        .entry = { .name = IN("x") }, .patch_at = 100, .patch = STR("rw-r--r-") },
    { .id = "malformed time", .phrase = "malformed number",
        .entry = { .name = IN("x") }, .patch_at = 136, .patch = STR("0x123") },
};
/* clang-format on */

static void row_is_refused(void **state)
{
    const struct row *row = *state;
    AUTO_BUF struct buf tar = BUF_INIT(1 << 20), gz = BUF_INIT(1 << 20);
    case_add_crate(&tar);
    if (row->pax.n)
        forge_pax(&tar, 'x', row->pax);
    unsigned char *header = forge_add(&tar, &row->entry);
    if (row->patch.n)
        forge_patch(header, row->patch_at, row->patch);
    forge_end(&tar);
    case_pack(&gz, &tar);
    case_refused(buf_str(&gz), row->phrase);
}

/* --- rows with a shape of their own --- */

static void t14_a_link_and_then_a_folder_of_that_name_is_refused(void **state)
{
    AUTO_BUF struct buf tar = BUF_INIT(1 << 20);
    (void)state;
    case_add_crate(&tar);
    (void)forge_add(&tar, &(struct forge_entry){ .name = IN("x"), .type = '2', .link = "/tmp" });
    (void)forge_add(&tar, &(struct forge_entry){ .name = IN("x/"), .type = '5' });
    forge_file(&tar, IN("x/evil"), STR("evil"));
    case_end_refused(&tar, "\"acme-1.2.3/x\": is a symbolic link");
}

static void t24_a_global_header_may_only_comment(void **state)
{
    static const char *const keys[] = { "path", "size", "linkpath", "hdrcharset", "mtime" };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        AUTO_BUF struct buf tar = BUF_INIT(1 << 20), body = BUF_INIT(1 << 20);
        forge_pax_record(&body, keys[i], STR("5"));
        forge_pax(&tar, 'g', buf_str(&body));
        case_add_crate(&tar);
        case_end_refused(&tar, keys[i]);
    }
}

static void t26_a_long_name_with_a_nul_inside_is_refused(void **state)
{
    AUTO_BUF struct buf tar = BUF_INIT(1 << 20);
    (void)state;
    case_add_crate(&tar);
    forge_long_name(&tar, STR("acme-1.2.3/x\0../evil\0"));
    forge_file(&tar, IN("x"), STR("x"));
    case_end_refused(&tar, "NUL byte inside");
}

static void t26_a_long_name_without_its_nul_is_refused(void **state)
{
    AUTO_BUF struct buf tar = BUF_INIT(1 << 20);
    (void)state;
    case_add_crate(&tar);
    forge_long_name(&tar, STR("acme-1.2.3/x"));
    forge_file(&tar, IN("x"), STR("x"));
    case_end_refused(&tar, "does not end in NUL");
}

static void t27_a_long_name_above_4_kib_is_refused(void **state)
{
    static char name[4097] = "acme-1.2.3/";
    AUTO_BUF struct buf tar = BUF_INIT(1 << 20);
    (void)state;
    memset(name + 11, 'a', sizeof(name) - 12);
    case_add_crate(&tar);
    forge_long_name(&tar, (struct str){ name, sizeof(name) });
    forge_file(&tar, IN("x"), STR("x"));
    case_end_refused(&tar, "a GNU long name of more than 4096 bytes");
}

static void t28_a_long_name_at_the_end_is_refused(void **state)
{
    AUTO_BUF struct buf tar = BUF_INIT(1 << 20);
    (void)state;
    case_add_crate(&tar);
    forge_long_name(&tar, STR("acme-1.2.3/x\0"));
    case_end_refused(&tar, "no entry follows");
}

static void t28_two_names_for_one_entry_are_refused(void **state)
{
    AUTO_BUF struct buf tar = BUF_INIT(1 << 20);
    (void)state;
    case_add_crate(&tar);
    forge_long_name(&tar, STR("acme-1.2.3/x\0"));
    forge_pax(&tar, 'x', STR("21 path=acme-1.2.3/y\n"));
    forge_file(&tar, IN("z"), STR("x"));
    case_end_refused(&tar, "where the entry of another must follow");
}

static void t28_a_pax_header_at_the_end_is_refused(void **state)
{
    AUTO_BUF struct buf tar = BUF_INIT(1 << 20);
    (void)state;
    case_add_crate(&tar);
    forge_pax(&tar, 'x', STR("21 path=acme-1.2.3/y\n"));
    case_end_refused(&tar, "no entry follows");
}

static void t43_a_component_above_255_bytes_is_refused(void **state)
{
    static char name[16 + 256];
    AUTO_BUF struct buf tar = BUF_INIT(1 << 20);
    (void)state;
    int n = snprintf(name, sizeof(name), IN("%0256d"), 0);
    case_add_crate(&tar);
    forge_long_file(&tar, (struct str){ name, (size_t)n }, STR(""));
    case_end_refused(&tar, "longer than 255 bytes");
}

static void t44_a_path_above_1_kib_is_refused(void **state)
{
    AUTO_BUF struct buf tar = BUF_INIT(1 << 20), name = BUF_INIT(1 << 20);
    (void)state;
    buf_add(&name, STR(IN("")));
    while (name.n <= TAR_PATH_MAX)
        buf_add(&name, STR(LONG50 "/"));
    buf_add(&name, STR("x"));
    case_add_crate(&tar);
    forge_long_file(&tar, buf_str(&name), STR(""));
    case_end_refused(&tar, "longer than 1024 bytes");
}

static void t49_duplicates_by_normal_form_are_refused(void **state)
{
    static const char *const pairs[][2] = {
        { IN("caf\xc3\xa9"), IN("cafe\xcc\x81") }, /* NFC, NFD */
        { IN("stra\xc3\x9f"
             "e"),
            IN("STRASSE") },                                    /* full case folding */
        { IN("\xce\xa3"), IN("\xcf\x82") },                     /* final sigma */
        { IN("a\xe2\x80\x8b"), IN("a") },                       /* zero-width space */
        { IN("\xe1\x84\x80\xe1\x85\xa1"), IN("\xea\xb0\x80") }, /* Hangul */
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        AUTO_BUF struct buf tar = BUF_INIT(1 << 20);
        case_add_crate(&tar);
        forge_file(&tar, pairs[i][0], STR("1"));
        forge_file(&tar, pairs[i][1], STR("2"));
        case_end_refused(&tar, "there twice");
    }
}

static void t50_a_manifest_of_other_case_alone_is_refused(void **state)
{
    AUTO_BUF struct buf tar = BUF_INIT(1 << 20);
    (void)state;
    forge_file(&tar, IN("CARGO.TOML"), STR(CASE_TOML));
    case_end_refused(&tar, "spelled Cargo.toml");
}

static void t52_no_manifest_is_refused(void **state)
{
    AUTO_BUF struct buf tar = BUF_INIT(1 << 20);
    (void)state;
    forge_file(&tar, IN("sub/Cargo.toml"), STR(CASE_TOML));
    case_end_refused(&tar, "no Cargo.toml");
}

static void t52_a_manifest_above_1_mib_is_refused(void **state)
{
    AUTO_BUF struct buf tar = BUF_INIT(4 << 20), toml = BUF_INIT(4 << 20);
    (void)state;
    for (size_t i = 0; i <= 1 << 20; i++)
        buf_add_byte(&toml, '#');
    forge_file(&tar, IN("Cargo.toml"), buf_str(&toml));
    case_end_refused(&tar, "Cargo.toml is larger than 1048576 bytes");
}

static void t52_a_manifest_that_is_not_utf8_is_refused(void **state)
{
    AUTO_BUF struct buf tar = BUF_INIT(1 << 20);
    (void)state;
    forge_file(&tar, IN("Cargo.toml"), STR("[package]\nname = \"caf\xe9\"\n"));
    case_end_refused(&tar, "not valid UTF-8");
}

/* --- what is accepted --- */

static void what_cargo_writes_is_accepted(void **state)
{
    AUTO_ARENA struct arena *a = arena_new();
    AUTO_BUF struct buf tar = BUF_INIT(1 << 20), gz = BUF_INIT(1 << 20), name = BUF_INIT(4096);
    struct tarball_info info;
    struct err e = ERR_INIT;
    (void)state;
    for (int i = 0; i < 10; i++)
        buf_add(&name, STR(LONG50 "/"));
    forge_file(&tar, IN(".cargo_vcs_info.json"), STR("{}"));
    case_add_crate(&tar);
    forge_file(&tar, IN("src/main.rs"), STR(""));
    (void)forge_add(&tar, &(struct forge_entry){ .name = IN("run.sh"), .mode = 0755 });
    forge_long_file(
        &tar, arena_printf(a, IN("%" STR_FMT "x.rs"), STR_ARG(buf_str(&name))), STR("x"));
    forge_end(&tar);
    case_pack(&gz, &tar);
    assert_int_equal(case_check(a, buf_str(&gz), &info, &e), 0);
    assert_true(info.has_lib_rs && info.has_main_rs);
    assert_true(str_eq(info.vcs_info, STR("{}")));
    assert_true(str_eq(info.manifest, STR(CASE_TOML)));
    assert_int_equal(info.n_files, 6);
    assert_int_equal(info.unpacked, 2 + sizeof(CASE_TOML) - 1 + 14 + 1);
}

static void ustar_pax_and_folders_are_accepted(void **state)
{
    AUTO_BUF struct buf tar = BUF_INIT(1 << 20), gz = BUF_INIT(1 << 20);
    (void)state;
    forge_pax(&tar, 'g', STR("16 comment=1234\n")); /* as git archive */
    (void)forge_add(
        &tar, &(struct forge_entry){ .name = "acme-1.2.3/", .type = '5', .mode = 0755 });
    forge_file(&tar, IN("a/b/c"), STR(""));
    (void)forge_add(&tar, &(struct forge_entry){ .name = IN("a/"), .type = '5', .mode = 0775 });
    AUTO_BUF struct buf body = BUF_INIT(4096);
    forge_pax_record(&body, "path", STR(IN("caf\xc3\xa9.txt")));
    forge_pax_record(&body, "size", STR("3"));
    forge_pax_record(&body, "mtime", STR("1153704088.25"));
    forge_pax(&tar, 'x', buf_str(&body));
    (void)forge_add(
        &tar, &(struct forge_entry){ .name = "caf_.txt", .ustar = true, .data = STR("abc") });
    (void)forge_add(
        &tar, &(struct forge_entry){ .name = "d/e", .prefix = "acme-1.2.3/deep", .ustar = true });
    unsigned char *old = forge_add(&tar, &(struct forge_entry){ .name = IN("old") });
    forge_patch(old, 156, (struct str){ "\0", 1 }); /* '\0' is a file too */
    case_add_crate(&tar);
    forge_end(&tar);
    for (int i = 0; i < 10; i++)
        forge_end(&tar); /* padding to a record, as GNU tar */
    case_pack(&gz, &tar);
    case_accepted(buf_str(&gz), 6);
}

static void folders_may_differ_in_case_and_names_may_look_odd(void **state)
{
    AUTO_BUF struct buf tar = BUF_INIT(1 << 20), gz = BUF_INIT(1 << 20);
    (void)state;
    case_add_crate(&tar);
    forge_file(&tar, IN("Src/other.rs"), STR(""));
    forge_file(&tar,
        IN("..."
           "x"),
        STR(""));
    forge_file(&tar, IN("auxiliary/com10"), STR(""));
    forge_file(&tar, IN("sub/.cargo-ok"), STR(""));
    forge_file(&tar, IN("sub/cargo.toml"), STR(""));
    forge_file(&tar, IN("Cargo.toml.orig"), STR(""));
    forge_file(&tar, IN("\xf0\x9f\xa6\x80 (1) [x] #'~"), STR(""));
    forge_end(&tar);
    case_pack(&gz, &tar);
    case_accepted(buf_str(&gz), 9);
}

static const struct CMUnitTest singles[] = {
    cmocka_unit_test(t14_a_link_and_then_a_folder_of_that_name_is_refused),
    cmocka_unit_test(t24_a_global_header_may_only_comment),
    cmocka_unit_test(t26_a_long_name_with_a_nul_inside_is_refused),
    cmocka_unit_test(t26_a_long_name_without_its_nul_is_refused),
    cmocka_unit_test(t27_a_long_name_above_4_kib_is_refused),
    cmocka_unit_test(t28_a_long_name_at_the_end_is_refused),
    cmocka_unit_test(t28_two_names_for_one_entry_are_refused),
    cmocka_unit_test(t28_a_pax_header_at_the_end_is_refused),
    cmocka_unit_test(t43_a_component_above_255_bytes_is_refused),
    cmocka_unit_test(t44_a_path_above_1_kib_is_refused),
    cmocka_unit_test(t49_duplicates_by_normal_form_are_refused),
    cmocka_unit_test(t50_a_manifest_of_other_case_alone_is_refused),
    cmocka_unit_test(t52_no_manifest_is_refused),
    cmocka_unit_test(t52_a_manifest_above_1_mib_is_refused),
    cmocka_unit_test(t52_a_manifest_that_is_not_utf8_is_refused),
    cmocka_unit_test(what_cargo_writes_is_accepted),
    cmocka_unit_test(ustar_pax_and_folders_are_accepted),
    cmocka_unit_test(folders_may_differ_in_case_and_names_may_look_odd),
};

int main(void)
{
    static struct CMUnitTest tests[ARRAY_LEN(rows) + ARRAY_LEN(singles)];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        tests[i] = (struct CMUnitTest){ .name = rows[i].id,
            .test_func = row_is_refused,
            .initial_state = (void *)(uintptr_t)&rows[i] };
    memcpy(tests + ARRAY_LEN(rows), singles, sizeof(singles));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
