/* Two paths clash when some file system would take them for one: APFS and HFS+ compare normal forms
 * and fold case, NTFS folds case, HFS+ also skips ignorable characters. The set keeps 62 bits of a
 * SipHash under a random key in place of each path: the same path always meets itself, so nothing
 * gets past it; two different paths among 100,000 meet once in 10^9 archives, and then a second
 * try has another key. */
#include "crate/tar_path.h"

#include "base/digest.h"
#include "base/map.h"
#include "base/mem.h"
#include "crate/tar_header.h"

#include <string.h>
#include <utf8proc.h>

static int refuse(struct err *e, struct str path, const char *why)
{
    char shown[TAR_SHOW_MAX];
    return err_set(e, ERR_INVALID, "archive entry \"%s\": %s", tar_show(path, shown), why);
}

/* Windows opens a device under these names whatever extension or blanks follow. */
static bool is_device(struct str component)
{
    static const char *const names[] = { "con", "prn", "aux", "nul", "conin$", "conout$",
        "clock$" };
    struct str stem = str_trim(str_cut(&component, '.'), STR(" "));
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_eq_nocase(stem, str_from(names[i])))
            return true;
    }
    if (!str_starts_nocase(stem, STR("com")) && !str_starts_nocase(stem, STR("lpt")))
        return false;
    struct str digit = str_skip(stem, 3);
    return (digit.n == 1 && ascii_is_digit(digit.p[0])) || str_eq(digit, STR("\xc2\xb9")) ||
           str_eq(digit, STR("\xc2\xb2")) || str_eq(digit, STR("\xc2\xb3")); /* superscript 1 2 3 */
}

static const char *component_fault(struct str c)
{
    if (c.n == 0)
        return "the path has an empty component";
    if (str_eq(c, STR(".")) || str_eq(c, STR("..")))
        return "the path has a \".\" or \"..\" component";
    if (c.n > TAR_COMPONENT_MAX)
        return "a file or folder name is longer than 255 bytes";
    if (c.p[c.n - 1] == '.' || c.p[c.n - 1] == ' ')
        return "a file or folder name ends in a dot or a space, which Windows drops";
    if (is_device(c))
        return "a file or folder has the name of a Windows device";
    return NULL;
}

static bool is_hidden_control(uint32_t cp)
{
    return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || (cp >= 0x2028 && cp <= 0x202e) ||
           (cp >= 0x2066 && cp <= 0x2069); /* C0, DEL, C1, separators, direction overrides */
}

/* What cargo refuses to pack as well (check_filename), and what hides. */
static const char *character_fault(struct str path)
{
    for (struct str rest = path; rest.n > 0;) {
        unsigned char c = (unsigned char)rest.p[0];
        uint32_t cp = c;
        size_t len = c < 0x80 ? 1 : utf8_next(rest, &cp);
        if (len == 0)
            return "the path is not valid UTF-8";
        if (is_hidden_control(cp))
            return "the path has a control character";
        if (len == 1 && memchr("\\:<>\"|?*", (int)c, 8))
            return "the path has one of \\ : < > \" | ? *, which Windows cannot store";
        rest = str_skip(rest, len);
    }
    return NULL;
}

int tar_path_check(struct str path, struct str prefix, struct err *e)
{
    char shown[TAR_SHOW_MAX];
    if (path.n > TAR_PATH_MAX)
        return refuse(e, path, "the path is longer than 1024 bytes");
    const char *fault = character_fault(path);
    if (fault)
        return refuse(e, path, fault);
    struct str below = str_skip(path, prefix.n);
    if (!str_starts(path, prefix) || (below.n > 0 && below.p[0] != '/'))
        return err_set(e, ERR_INVALID, "archive entry \"%s\": not inside the folder %" STR_FMT "/",
            tar_show(path, shown), STR_ARG(prefix));
    /* The prefix is no component to judge: a crate may be called "aux-1.0.0". */
    if (below.n == 0)
        return 0;
    struct str rest = str_skip(below, 1);
    unsigned depth = 1;
    do {
        struct str component = str_cut(&rest, '/');
        fault = component_fault(component);
        if (!fault && ++depth > TAR_DEPTH_MAX)
            fault = "the path is more than 64 folders deep";
        /* str_cut leaves p NULL behind the last one; "a/" leaves an empty rest that is there. */
        if (fault)
            return refuse(e, path, fault);
    } while (rest.p);
    return 0;
}

int tar_path_fold(struct tar_fold *f, struct str path, struct str *ret_folded, struct err *e)
{
    if (path.n > TAR_PATH_MAX)
        return refuse(e, path, "the path is longer than 1024 bytes");
    size_t i = 0;
    for (; i < path.n && (unsigned char)path.p[i] < 0x80; i++)
        f->ascii[i] = ascii_lower(path.p[i]);
    if (i == path.n) {
        *ret_folded = (struct str){ f->ascii, i };
        return 0;
    }
    utf8proc_option_t how =
        UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE;
    utf8proc_ssize_t room = 4 * TAR_PATH_MAX;
    utf8proc_ssize_t n = utf8proc_decompose(
        (const utf8proc_uint8_t *)path.p, (utf8proc_ssize_t)path.n, f->code_points, room, how);
    if (n >= 0 && n <= room)
        n = utf8proc_reencode(f->code_points, n, how); /* UTF-8, in place */
    else
        n = -1;
    if (n < 0)
        return refuse(e, path, "the path cannot be case-folded");
    *ret_folded = (struct str){ (const char *)f->code_points, (size_t)n };
    return 0;
}

enum {
    NAME_FILE = 1,
    NAME_ABOVE = 2,
    NAME_DIR = 3,
    NAME_KIND = 3
}; /* low bits of a slot; 0: free */

void tar_names_init(struct tar_names *s, size_t max)
{
    *s = (struct tar_names){ .cap = 1024, .max = max };
    s->slots = mem_array(s->cap, sizeof(*s->slots));
    random_bytes(s->key, sizeof(s->key));
}

void tar_names_deinit(struct tar_names *s)
{
    free(s->slots);
    s->slots = NULL;
}

/* The slot that holds this hash, or the free one it belongs in. */
static uint64_t *find_slot(uint64_t *slots, size_t cap, uint64_t hash)
{
    size_t i = (size_t)(hash >> 2) & (cap - 1);
    while (slots[i] && (slots[i] ^ hash) > NAME_KIND)
        i = (i + 1) & (cap - 1);
    return &slots[i];
}

static void grow(struct tar_names *s)
{
    size_t cap = s->cap * 2;
    uint64_t *slots = mem_array(cap, sizeof(*slots));
    for (size_t i = 0; i < s->cap; i++) {
        if (s->slots[i])
            *find_slot(slots, cap, s->slots[i]) = s->slots[i];
    }
    free(s->slots);
    s->slots = slots;
    s->cap = cap;
}

/* What kind this name is known as, and keeps: 0 when it is new. */
static unsigned note(struct tar_names *s, struct str folded, unsigned kind)
{
    if (s->n >= s->cap / 2)
        grow(s);
    uint64_t hash = siphash13(s->key, folded) & ~(uint64_t)NAME_KIND;
    uint64_t *slot = find_slot(s->slots, s->cap, hash);
    unsigned before = (unsigned)(*slot & NAME_KIND);
    if (before == 0)
        s->n++;
    if (before == 0 || (before == NAME_ABOVE && kind == NAME_DIR))
        *slot = hash | kind;
    return before;
}

int tar_names_add(
    struct tar_names *s, struct str folded, bool is_dir, struct str path, struct err *e)
{
    unsigned before = note(s, folded, is_dir ? NAME_DIR : NAME_FILE);
    if (before == NAME_FILE ? is_dir : before != 0 && !is_dir)
        return refuse(e, path, "is a file and a folder at once");
    if (before == NAME_FILE || before == NAME_DIR)
        return refuse(e, path, "is there twice (letter case and Unicode normal form do not count)");
    /* Deepest first: above a folder that is known already, all are. */
    for (size_t cut = str_rfind(folded, '/'); before == 0 && cut != STR_NPOS;
         cut = str_rfind(folded, '/')) {
        folded.n = cut;
        before = note(s, folded, NAME_ABOVE);
        if (before == NAME_FILE)
            return refuse(e, path, "lies below a file as if that were a folder");
    }
    if (s->n > s->max)
        return err_set(e, ERR_INVALID, "the archive has more than %zu files and folders", s->max);
    return 0;
}
