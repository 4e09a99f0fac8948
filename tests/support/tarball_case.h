/* What the tests of the archive check share: a small good crate, acme 1.2.3, and how to judge one.
 */
#pragma once
#include "base/buf.h"
#include "crate/tarball.h"
#include "support/forge.h"

#define CASE_TOML "[package]\nname = \"acme\"\nversion = \"1.2.3\"\n"
#define IN(name) "acme-1.2.3/" name

extern const struct tarball_limits case_limits; /* the server's */

struct case_source {
    struct str left;
    size_t step; /* bytes a read; 0: as many as asked */
};
ssize_t case_read(void *source, void *p, size_t n, struct err *e);

int case_check(struct arena *a, struct str gz, struct tarball_info *info, struct err *e) MUST_CHECK;
/* Fail the running test unless gz is refused with a text that holds phrase / is accepted. */
void case_refused(struct str gz, const char *phrase);
void case_accepted(struct str gz, uint32_t n_files);

void case_add_crate(struct buf *tar); /* Cargo.toml and src/lib.rs */
void case_pack(struct buf *gz, const struct buf *tar);
void case_end_refused(struct buf *tar, const char *phrase); /* ends and packs it first */
