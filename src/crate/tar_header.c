/* Readers of tar differ in what they make of odd fields (GNU tar, libarchive, Python's tarfile and
 * cargo's `tar` crate all do), and such differences are how archives smuggle (CVE-2025-62518,
 * CVE-2026-33055). So a header is read only where all of them agree: POSIX.1-1988 ustar or GNU
 * magic to the byte, plain octal or positive base-256 numbers, zeros where nothing may stand. */
#include "crate/tar_header.h"

#include "base/num.h"

#include <stdio.h>
#include <string.h>

/* Offsets and lengths: POSIX.1-1988, GNU tar's tar.h. */
enum {
    OFF_NAME = 0,
    OFF_MODE = 100,
    OFF_UID = 108,
    OFF_GID = 116,
    OFF_SIZE = 124,
    OFF_MTIME = 136,
    OFF_SUM = 148,
    OFF_TYPE = 156,
    OFF_LINK = 157,
    OFF_MAGIC = 257,
    OFF_OWNER = 265, /* user name, then group name, 32 bytes each */
    OFF_DEVMAJOR = 329,
    OFF_DEVMINOR = 337,
    OFF_PREFIX = 345,
    OFF_TAIL = 500
};
#define MAGIC_LEN 8 /* with the version behind it */

bool tar_is_zero(const void *p, size_t n)
{
    const unsigned char *b = p;
    return n == 0 || (b[0] == 0 && memcmp(b, b + 1, n - 1) == 0);
}

const char *tar_show(struct str name, char out[TAR_SHOW_MAX])
{
    size_t n = 0;
    while (name.n > 0) {
        uint32_t cp = 0;
        size_t len = utf8_next(name, &cp);
        bool plain = len > 0 && cp >= 0x20 && cp != 0x7f && !(cp >= 0x80 && cp < 0xa0) &&
                     !(cp >= 0x2028 && cp <= 0x202e) && !(cp >= 0x2066 && cp <= 0x2069);
        size_t take = plain ? len : 1;
        if (n + 8 >= TAR_SHOW_MAX) { /* room for this one, "..." and the NUL */
            memcpy(out + n, "...", 3);
            n += 3;
            break;
        }
        if (plain) {
            memcpy(out + n, name.p, len);
            n += len;
        } else {
            n += (size_t)snprintf(out + n, 5, "\\x%02x", (unsigned char)name.p[0]);
        }
        name = str_skip(name, take);
    }
    out[n] = '\0';
    return out;
}

const char *tar_type_name(char type)
{
    static const struct {
        char type;
        const char *name;
    } names[] = {
        { '0', "a file" },
        { '\0', "a file" },
        { '1', "a hard link" },
        { '2', "a symbolic link" },
        { '3', "a character device" },
        { '4', "a block device" },
        { '5', "a folder" },
        { '6', "a named pipe" },
        { '7', "a contiguous file" },
        { 'K', "a GNU long link name" },
        { 'L', "a GNU long name" },
        { 'S', "a GNU sparse file" },
        { 'g', "a PAX global header" },
        { 'x', "a PAX header" },
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (names[i].type == type)
            return names[i].name;
    }
    return "an entry of a kind unknown to us";
}

static enum tar_kind kind_of(char type)
{
    switch (type) {
    case '0':
    case '\0':
        return TAR_FILE;
    case '5':
        return TAR_DIR;
    case 'L':
        return TAR_LONG_NAME;
    case 'x':
        return TAR_PAX;
    case 'g':
        return TAR_PAX_GLOBAL;
    default:
        return TAR_OTHER;
    }
}

/* Blanks, octal digits, then blanks or NULs to the end. Python's reader would take "0o7" and "-7"
 * here, GNU tar stops at the first odd byte: neither is let in. An empty field is 0. */
static bool parse_octal(const unsigned char *p, size_t n, uint64_t *ret_v)
{
    size_t i = 0;
    while (i < n && p[i] == ' ')
        i++;
    size_t first = i;
    uint64_t v = 0;
    for (; i < n && p[i] >= '0' && p[i] <= '7'; i++)
        v = v << 3 | (uint64_t)(p[i] - '0'); /* at most 12 digits, 36 bits */
    *ret_v = v;
    if (i == first)
        return tar_is_zero(p, n);
    for (; i < n; i++) {
        if (p[i] != ' ' && p[i] != '\0')
            return false;
    }
    return true;
}

/* Base-256: 0x80, then a big-endian number. 0xff begins a negative one. For sizes alone: an owner
 * past 32 bits or a year past GNU tar's calendar stops some readers and not others. */
static bool parse_size(const unsigned char *p, size_t n, uint64_t *ret_v)
{
    if (!(p[0] & 0x80))
        return parse_octal(p, n, ret_v);
    if (p[0] != 0x80)
        return false;
    uint64_t v = 0;
    for (size_t i = 1; i < n; i++) {
        if (v >> 55)
            return false; /* past 63 bits: negative to a reader with signed sizes */
        v = v << 8 | p[i];
    }
    *ret_v = v;
    return true;
}

static bool checksum_matches(const unsigned char b[TAR_BLOCK])
{
    uint64_t want, sum = 8 * ' ';
    if (!parse_octal(b + OFF_SUM, 8, &want))
        return false;
    for (size_t i = 0; i < TAR_BLOCK; i++)
        sum += i >= OFF_SUM && i < OFF_SUM + 8 ? 0 : b[i];
    return sum == want;
}

/* Length of a NUL-padded field; false when bytes stand behind the NUL. */
static bool field_len(const unsigned char *p, size_t max, size_t *ret_n)
{
    size_t n = strnlen((const char *)p, max);
    *ret_n = n;
    return tar_is_zero(p + n, max - n);
}

static bool is_plain_text(const unsigned char *p, size_t max)
{
    size_t n;
    if (!field_len(p, max, &n))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (p[i] < 0x20 || p[i] > 0x7e)
            return false;
    }
    return true;
}

static bool parse_name(const unsigned char b[TAR_BLOCK], bool gnu, struct tar_header *h)
{
    size_t n_name, n_prefix = 0;
    bool clean = field_len(b + OFF_NAME, 100, &n_name);
    /* GNU keeps times and sparse maps where ustar keeps the prefix; Python reads a prefix in both.
     */
    if (gnu ? !tar_is_zero(b + OFF_PREFIX, OFF_TAIL - OFF_PREFIX)
            : !field_len(b + OFF_PREFIX, OFF_TAIL - OFF_PREFIX, &n_prefix))
        clean = false;
    h->n_name = 0;
    if (n_prefix > 0) {
        memcpy(h->name, b + OFF_PREFIX, n_prefix);
        h->name[n_prefix] = '/';
        h->n_name = n_prefix + 1;
    }
    memcpy(h->name + h->n_name, b + OFF_NAME, n_name);
    h->n_name += n_name;
    return clean && n_name > 0 && is_plain_text(b + OFF_OWNER, 32) &&
           is_plain_text(b + OFF_OWNER + 32, 32) && tar_is_zero(b + OFF_TAIL, TAR_BLOCK - OFF_TAIL);
}

static bool parse_numbers(const unsigned char b[TAR_BLOCK], struct tar_header *h)
{
    static const struct {
        unsigned offset, n;
    } unused[] = { { OFF_UID, 8 }, { OFF_GID, 8 }, { OFF_MTIME, 12 }, { OFF_DEVMAJOR, 8 },
        { OFF_DEVMINOR, 8 } };
    uint64_t v, mode;
    for (size_t i = 0; i < ARRAY_LEN(unused); i++) {
        if (!parse_octal(b + unused[i].offset, unused[i].n, &v))
            return false;
    }
    if (!parse_octal(b + OFF_MODE, 8, &mode))
        return false;
    h->mode = (uint32_t)mode; /* at most 8 octal digits */
    return true;
}

int tar_header_parse(const unsigned char b[TAR_BLOCK], struct tar_header *ret_h, struct err *e)
{
    struct tar_header *h = ret_h;
    char shown[TAR_SHOW_MAX];
    if (!checksum_matches(b))
        return err_set(e, ERR_INVALID, "the archive is damaged: a tar header has a wrong checksum");
    bool gnu = memcmp(b + OFF_MAGIC, "ustar  \0", MAGIC_LEN) == 0;
    if (!gnu && memcmp(b + OFF_MAGIC,
                    "ustar\0"
                    "00",
                    MAGIC_LEN) != 0)
        return err_set(e, ERR_INVALID,
            "the archive has a tar header that is neither ustar nor GNU; make it with cargo "
            "package");
    if (!parse_name(b, gnu, h))
        return err_set(e, ERR_INVALID, "archive entry \"%s\": its tar header has stray bytes",
            tar_show((struct str){ h->name, h->n_name }, shown));
    struct str name = { h->name, h->n_name };
    h->type = (char)b[OFF_TYPE];
    h->kind = kind_of(h->type);
    h->mode = 0;
    h->size = 0;
    if (h->kind == TAR_OTHER)
        return 0;
    /* cargo and GNU tar always write a size; an empty one is a sign of something else. */
    if (tar_is_zero(b + OFF_SIZE, 12) || !parse_size(b + OFF_SIZE, 12, &h->size))
        return err_set(e, ERR_INVALID, "archive entry \"%s\": its size is not a positive number",
            tar_show(name, shown));
    if (!parse_numbers(b, h))
        return err_set(e, ERR_INVALID,
            "archive entry \"%s\": its tar header has a malformed number", tar_show(name, shown));
    if (!tar_is_zero(b + OFF_LINK, 100))
        return err_set(e, ERR_INVALID, "archive entry \"%s\": is %s and yet names a link target",
            tar_show(name, shown), tar_type_name(h->type));
    return 0;
}

int tar_long_name_parse(struct str body, struct str *ret_name, struct err *e)
{
    if (body.n < 2 || body.p[body.n - 1] != '\0')
        return err_set(e, ERR_INVALID, "the archive has a GNU long name that does not end in NUL");
    struct str name = { body.p, body.n - 1 };
    if (str_has(name, '\0'))
        return err_set(e, ERR_INVALID, "the archive has a GNU long name with a NUL byte inside");
    *ret_name = name;
    return 0;
}

/* "LEN KEY=VALUE\n", LEN counting all of it. Line feeds inside a value are refused: the `tar` crate
 * of older cargos split records there. */
static bool pax_record(struct str *rest, struct str *ret_key, struct str *ret_value)
{
    size_t space = str_find(*rest, ' ');
    uint64_t len;
    if (space == STR_NPOS || space == 0 || space > 5 || rest->p[0] == '0' ||
        !num_parse_u64(str_from_to(*rest, 0, space), &len))
        return false;
    if (len > rest->n || len < space + 4 || rest->p[len - 1] != '\n')
        return false;
    struct str record = str_from_to(*rest, space + 1, len - 1);
    if (str_has(record, '\n') || str_has(record, '\0'))
        return false;
    size_t eq = str_find(record, '=');
    if (eq == STR_NPOS || eq == 0)
        return false;
    *ret_key = str_from_to(record, 0, eq);
    *ret_value = str_skip(record, eq + 1);
    *rest = str_skip(*rest, len);
    return true;
}

/* Seconds since 1970, as "1153704088.25" or "-1". */
static bool is_time(struct str s)
{
    struct str whole = str_starts(s, STR("-")) ? str_skip(s, 1) : s;
    struct str part = str_cut(&whole, '.'); /* whole keeps the fraction */
    uint64_t v;
    bool has_fraction = whole.p != NULL;
    return part.n <= 11 && whole.n <= 11 && num_parse_u64(part, &v) &&
           (!has_fraction || num_parse_u64(whole, &v));
}

/* Records that touch neither name nor content and that no reader stumbles over. */
static bool pax_is_harmless(struct str key, struct str value)
{
    uint32_t v;
    if (str_eq(key, STR("mtime")) || str_eq(key, STR("atime")) || str_eq(key, STR("ctime")))
        return is_time(value);
    if (str_eq(key, STR("uid")) || str_eq(key, STR("gid")))
        return value.n <= 10 && num_parse_u32(value, &v) && v < UINT32_MAX;
    if (str_eq(key, STR("uname")) || str_eq(key, STR("gname")))
        return value.n <= 32 && utf8_valid(value);
    return str_eq(key, STR("comment"));
}

int tar_pax_parse(struct str body, enum tar_kind kind, struct tar_pax *ret_pax, struct err *e)
{
    struct str rest = body, key, value;
    char shown[TAR_SHOW_MAX];
    *ret_pax = (struct tar_pax){ .path = STR_NONE };
    while (rest.n > 0) {
        if (!pax_record(&rest, &key, &value))
            return err_set(e, ERR_INVALID, "the archive has a malformed PAX record");
        bool global = kind == TAR_PAX_GLOBAL;
        if (global ? str_eq(key, STR("comment")) : pax_is_harmless(key, value))
            continue;
        bool again = str_eq(key, STR("path")) ? ret_pax->path.p != NULL : ret_pax->has_size;
        if (global || (!str_eq(key, STR("path")) && !str_eq(key, STR("size"))))
            return err_set(e, ERR_INVALID,
                "the archive has a PAX %srecord that is not allowed: \"%s\"",
                global ? "global " : "", tar_show(key, shown));
        if (value.n == 0)
            return err_set(e, ERR_INVALID, "the archive has an empty PAX record");
        if (again)
            return err_set(
                e, ERR_INVALID, "the archive has a PAX header that sets %.4s twice", key.p);
        if (str_eq(key, STR("path"))) {
            ret_pax->path = value;
        } else if (num_parse_u64(value, &ret_pax->size)) {
            ret_pax->has_size = true;
        } else {
            return err_set(e, ERR_INVALID,
                "the archive has a PAX size that is not a number: \"%s\"", tar_show(value, shown));
        }
    }
    return 0;
}
