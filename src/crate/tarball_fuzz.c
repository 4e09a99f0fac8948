/* The first byte chooses: the rest is a .crate as it arrives ('g'), or a bare tar that is packed
 * here
 * ('t'), all header checksums made right before that ('s'), so that mutations get far. What is
 * accepted has only paths below the folder, each once, and sizes that add up; a second check says
 * the same. */
#include "base/buf.h"
#include "base/gzip.h"
#include "crate/tarball.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    uint64_t bytes;
    uint32_t files;
};

static void see(void *ctx, struct str path, bool is_dir, uint64_t size)
{
    struct seen *s = ctx;
    assert(str_starts(path, STR("a-1.0.0")) && utf8_valid(path));
    assert(str_find_str(path, STR("/../")) == STR_NPOS && !str_ends(path, STR("/..")));
    assert(!str_has(path, '\0') && !str_has(path, '\\'));
    s->files += !is_dir;
    s->bytes += size;
}

static ssize_t read_rest(void *ctx, void *p, size_t n, struct err *e)
{
    struct str *rest = ctx;
    (void)e;
    if (n > rest->n)
        n = rest->n;
    if (n > 0)
        memcpy(p, rest->p, n);
    *rest = str_skip(*rest, n);
    return (ssize_t)n;
}

static int check(struct str gz, struct tarball_info *info)
{
    AUTO_ARENA struct arena *a = arena_new();
    struct seen seen = { 0 };
    struct tarball_limits limits = { 1 << 22, 100, 4096, 0, see, &seen };
    struct err e = ERR_INIT;
    int rc = tarball_check(
        a, STR("a-1.0.0"), &limits, &(struct tarball_source){ read_rest, &gz }, info, &e);
    assert(rc == 0 || (e.kind == ERR_INVALID && utf8_valid(str_from(e.text)) && e.text[0]));
    if (rc == 0) {
        assert(info->n_files == seen.files && info->unpacked == seen.bytes);
        assert(info->manifest.p && utf8_valid(info->manifest) && info->manifest.n <= 4096);
        assert(info->unpacked <= 1 << 22);
    }
    return rc;
}

static void seal(char *block)
{
    unsigned sum = 8 * ' ';
    for (size_t i = 0; i < 512; i++)
        sum += i >= 148 && i < 156 ? 0 : (unsigned char)block[i];
    for (size_t i = 0; i < 6; i++)
        block[148 + i] = (char)('0' + (sum >> (15 - 3 * i) & 7));
    block[154] = block[155] = ' ';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_BUF struct buf tar = BUF_INIT(1 << 20);
    AUTO_BUF struct buf gz = BUF_INIT(1 << 22);
    struct tarball_info first, second;
    if (size == 0 || size > 1 << 20)
        return 0;
    buf_add(&tar, (struct str){ (const char *)data + 1, size - 1 });
    for (size_t i = 0; data[0] == 's' && i + 512 <= tar.n; i += 512) {
        if (memcmp(tar.p + i + 257, "ustar", 5) == 0)
            seal(tar.p + i);
    }
    if (data[0] == 'g')
        buf_add(&gz, buf_str(&tar));
    else if (gzip_compress(buf_str(&tar), &gz, NULL) < 0)
        return 0;
    int rc = check(buf_str(&gz), &first);
    assert(check(buf_str(&gz), &second) == rc);
    assert(rc < 0 || first.unpacked == second.unpacked);
    return 0;
}
