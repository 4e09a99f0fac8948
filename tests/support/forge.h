/* Forges archives for tests: tar entries with any header byte, PAX and GNU records, gzip members
 * with any flag, right or wrong. Appends to the caller's buf. tests/e2e/forge.py is its twin. */
#pragma once
#include "base/buf.h"

#define FORGE_BLOCK 512

struct forge_entry {
    const char *name;
    const char *prefix; /* ustar only */
    const char *link;
    char type;     /* 0 is '0' */
    unsigned mode; /* 0 is 0644 */
    bool ustar;    /* else GNU, as cargo writes */
    struct str data;
};

/* Header, data, zeros up to the next block. Returns the header, until tar changes. */
unsigned char *forge_add(struct buf *tar, const struct forge_entry *entry);
void forge_file(struct buf *tar, const char *name, struct str data);
void forge_long_name(struct buf *tar, struct str body); /* an 'L' entry; body as it stands */
void forge_long_file(struct buf *tar, struct str name, struct str data); /* as cargo does */
void forge_pax(struct buf *tar, char type, struct str body);
void forge_pax_record(struct buf *body, const char *key, struct str value);
void forge_end(struct buf *tar); /* two zero blocks */

/* Overwrites bytes of a header and makes its checksum right again. */
void forge_patch(unsigned char *header, size_t offset, struct str bytes);

struct forge_gzip {
    const char *name, *comment;
    size_t n_extra; /* bytes of FEXTRA */
    bool header_crc;
    unsigned char flags; /* more of them */
    uint32_t crc_xor, len_add;
};
void forge_gzip(struct buf *out, struct str plain, const struct forge_gzip *how);
