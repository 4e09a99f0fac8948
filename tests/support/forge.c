#include "support/forge.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

static void add_zeros(struct buf *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_add_byte(b, '\0');
}

static void put_octal(unsigned char *p, size_t n, uint64_t v)
{
    char digits[24];
    (void)snprintf(digits, sizeof(digits), "%0*llo", (int)n - 1, (unsigned long long)v);
    memcpy(p, digits, n - 1);
}

static void put_text(unsigned char *p, size_t n, const char *text)
{
    if (text)
        memcpy(p, text, strnlen(text, n));
}

static void seal(unsigned char *header)
{
    unsigned sum = 0;
    memset(header + 148, ' ', 8);
    for (size_t i = 0; i < FORGE_BLOCK; i++)
        sum += header[i];
    put_octal(header + 148, 8, sum);
    header[155] = '\0';
}

unsigned char *forge_add(struct buf *tar, const struct forge_entry *entry)
{
    size_t at = tar->n;
    unsigned char h[FORGE_BLOCK] = { 0 };
    put_text(h, 100, entry->name);
    put_octal(h + 100, 8, entry->mode ? entry->mode : 0644);
    put_octal(h + 108, 8, 0);
    put_octal(h + 116, 8, 0);
    put_octal(h + 124, 12, entry->data.n);
    put_octal(h + 136, 12, 1153704088); /* cargo's: 2006-07-24 */
    h[156] = (unsigned char)(entry->type ? entry->type : '0');
    put_text(h + 157, 100, entry->link);
    memcpy(h + 257,
        entry->ustar ? "ustar\0"
                       "00"
                     : "ustar  \0",
        8);
    put_text(h + 345, 155, entry->prefix);
    seal(h);
    buf_add(tar, (struct str){ (const char *)h, sizeof(h) });
    buf_add(tar, entry->data);
    add_zeros(tar, (size_t)(-entry->data.n % FORGE_BLOCK));
    assert(buf_ok(tar));
    return (unsigned char *)tar->p + at;
}

void forge_file(struct buf *tar, const char *name, struct str data)
{
    (void)forge_add(tar, &(struct forge_entry){ .name = name, .data = data });
}

void forge_long_name(struct buf *tar, struct str body)
{
    (void)forge_add(
        tar, &(struct forge_entry){ .name = "././@LongLink", .type = 'L', .data = body });
}

void forge_long_file(struct buf *tar, struct str name, struct str data)
{
    char head[101] = { 0 };
    struct buf body = BUF_INIT(65536);
    buf_add(&body, name);
    buf_add_byte(&body, '\0');
    forge_long_name(tar, buf_str(&body));
    buf_deinit(&body);
    memcpy(head, name.p, name.n < 100 ? name.n : 100);
    forge_file(tar, head, data);
}

void forge_pax(struct buf *tar, char type, struct str body)
{
    (void)forge_add(tar, &(struct forge_entry){ .name = "PaxHeader", .type = type, .data = body });
}

void forge_pax_record(struct buf *body, const char *key, struct str value)
{
    size_t fixed = strlen(key) + value.n + 3, n = fixed + 1; /* ' ', '=', '\n' and one digit */
    for (size_t p = 10; n >= p; p *= 10)
        n++;
    buf_addf(body, "%zu %s=", n, key);
    buf_add(body, value);
    buf_add_byte(body, '\n');
}

void forge_end(struct buf *tar)
{
    add_zeros(tar, 2 * (size_t)FORGE_BLOCK);
}

void forge_patch(unsigned char *header, size_t offset, struct str bytes)
{
    assert(offset + bytes.n <= FORGE_BLOCK);
    memcpy(header + offset, bytes.p, bytes.n);
    seal(header);
}

static void add_le(struct buf *out, uint32_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        buf_add_byte(out, (char)(v >> (8 * i) & 0xff));
}

static void add_gzip_header(struct buf *out, const struct forge_gzip *how)
{
    size_t at = out->n;
    unsigned flags = how->flags | (how->header_crc ? 2u : 0) | (how->n_extra ? 4u : 0) |
                     (how->name ? 8u : 0) | (how->comment ? 16u : 0);
    buf_add(out, STR("\x1f\x8b\x08"));
    add_le(out, flags, 1);
    add_le(out, 0, 4);
    buf_add(out, STR("\x02\xff"));
    if (how->n_extra) {
        add_le(out, (uint32_t)how->n_extra, 2);
        add_zeros(out, how->n_extra);
    }
    if (how->name)
        buf_add(out, (struct str){ how->name, strlen(how->name) + 1 });
    if (how->comment)
        buf_add(out, (struct str){ how->comment, strlen(how->comment) + 1 });
    if (how->header_crc)
        add_le(out, (uint32_t)crc32(0, (const Bytef *)out->p + at, (uInt)(out->n - at)), 2);
}

void forge_gzip(struct buf *out, struct str plain, const struct forge_gzip *how)
{
    z_stream z = { 0 };
    add_gzip_header(out, how);
    int rc = deflateInit2(&z, 6, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
    assert(rc == Z_OK);
    z.next_in = (z_const Bytef *)(uintptr_t)plain.p;
    z.avail_in = (uInt)plain.n;
    do {
        char *room = buf_room(out, 65536);
        assert(room);
        z.next_out = (Bytef *)room;
        z.avail_out = 65536;
        rc = deflate(&z, Z_FINISH);
        buf_grew(out, 65536 - z.avail_out);
    } while (rc == Z_OK || rc == Z_BUF_ERROR);
    assert(rc == Z_STREAM_END);
    (void)deflateEnd(&z);
    uint32_t crc = (uint32_t)crc32(0, (const Bytef *)plain.p, (uInt)plain.n);
    add_le(out, crc ^ how->crc_xor, 4);
    add_le(out, (uint32_t)plain.n + how->len_add, 4);
    assert(buf_ok(out));
}
