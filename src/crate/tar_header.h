/* One 512-byte tar header, and the bodies that rename or annotate the entry behind them (GNU long
 * name 'L', PAX 'x' and 'g'). Strict: what two tar readers could read differently is refused.
 * Pure; any thread. */
#pragma once
#include "base/attr.h"
#include "base/err.h"
#include "base/str.h"

#define TAR_BLOCK 512
#define TAR_NAME_MAX 256       /* ustar: prefix (155), '/', name (100) */
#define TAR_LONG_NAME_MAX 4096 /* body of 'L', its NUL included */
#define TAR_PAX_MAX 8192       /* body of 'x' or 'g' */

enum tar_kind { TAR_FILE, TAR_DIR, TAR_LONG_NAME, TAR_PAX, TAR_PAX_GLOBAL, TAR_OTHER };

struct tar_header {
    enum tar_kind kind;
    char type; /* the byte itself, for messages */
    uint32_t mode;
    uint64_t size;
    size_t n_name;
    char name[TAR_NAME_MAX];
};

struct tar_pax {
    struct str path; /* p NULL when absent; borrowed from the body */
    bool has_size;
    uint64_t size;
};

bool tar_is_zero(const void *p, size_t n);
/* TAR_OTHER comes back with name and type alone, so that the caller can name the entry it refuses.
 */
int tar_header_parse(
    const unsigned char block[TAR_BLOCK], struct tar_header *ret_h, struct err *e) MUST_CHECK;
const char *tar_type_name(char type); /* "a symbolic link" */

int tar_long_name_parse(struct str body, struct str *ret_name, struct err *e) MUST_CHECK;
/* 'g' may hold comments only (git archive writes one); ret_pax is then empty. */
int tar_pax_parse(
    struct str body, enum tar_kind kind, struct tar_pax *ret_pax, struct err *e) MUST_CHECK;

/* A name for an error text: what is not printable ASCII or UTF-8 is escaped, the rest clipped. */
#define TAR_SHOW_MAX 200
const char *tar_show(struct str name, char out[TAR_SHOW_MAX]);
