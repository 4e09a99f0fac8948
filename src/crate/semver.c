/* A port of the rules, not of the code, of Rust's semver 1.0: cargo reads every version and
 * requirement with that crate, so what it accepts, prints and matches is the definition
 * (semver.org alone leaves requirements open). tests/semver-oracle compares both on 10,000 pairs.
 * Requirements are read by a loop where the crate recurses; the bound of 32 is the crate's. */
#include "crate/semver.h"

#include "base/num.h"

struct cursor {
    struct str rest;
    const char *part; /* what is being read, for messages */
    const char *what; /* "version" or "requirement" */
    struct str whole;
};

static int fail(const struct cursor *c, struct err *e, const char *why)
{
    struct str shown = utf8_valid(c->whole) ? utf8_clip(c->whole, SEMVER_TEXT_MAX) : STR("?");
    return err_set(e, ERR_INVALID, "%s `%" STR_FMT "` is not valid: %s%s", c->what, STR_ARG(shown),
        c->part, why);
}

static bool eat(struct cursor *c, char ch)
{
    if (c->rest.n == 0 || c->rest.p[0] != ch)
        return false;
    c->rest = str_skip(c->rest, 1);
    return true;
}

static void eat_blanks(struct cursor *c)
{
    while (eat(c, ' '))
        ;
}

static bool eat_wildcard(struct cursor *c)
{
    return eat(c, '*') || eat(c, 'x') || eat(c, 'X');
}

static int read_number(struct cursor *c, const char *part, uint64_t *ret, struct err *e)
{
    c->part = part;
    size_t n = 0;
    while (n < c->rest.n && ascii_is_digit(c->rest.p[n]))
        n++;
    if (n == 0)
        return fail(c, e, " must be a number");
    if (n > 1 && c->rest.p[0] == '0')
        return fail(c, e, " has a leading zero");
    if (!num_parse_u64(str_from_to(c->rest, 0, n), ret))
        return fail(c, e, " is too large");
    c->rest = str_skip(c->rest, n);
    return 0;
}

static bool is_ident_char(char c)
{
    return ascii_is_alnum(c) || c == '-';
}

static bool all_digits(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!ascii_is_digit(s.p[i]))
            return false;
    }
    return true;
}

/* Dot-separated identifiers of a pre-release (numbers without leading zeros) or of build metadata.
 */
static int read_idents(struct cursor *c, bool pre, struct str *ret, struct err *e)
{
    c->part = pre ? "pre-release" : "build metadata";
    size_t from = 0, i = 0;
    for (;; i++) {
        if (i < c->rest.n && is_ident_char(c->rest.p[i]))
            continue;
        struct str ident = str_from_to(c->rest, from, i);
        if (ident.n == 0)
            return fail(c, e, " has an empty part");
        if (pre && ident.n > 1 && ident.p[0] == '0' && all_digits(ident))
            return fail(c, e, " has a number with a leading zero");
        if (i == c->rest.n || c->rest.p[i] != '.')
            break;
        from = i + 1;
    }
    *ret = str_from_to(c->rest, 0, i);
    c->rest = str_skip(c->rest, i);
    return 0;
}

int semver_parse(struct str text, struct semver *ret_v, struct err *e)
{
    struct cursor c = { .rest = text, .part = "it", .what = "version", .whole = text };
    struct semver v = { 0 };
    if (text.n == 0)
        return fail(&c, e, " is empty");
    if (read_number(&c, "major number", &v.major, e) < 0)
        return -1;
    if (!eat(&c, '.'))
        return fail(&c, e, " must be followed by a dot and the minor number");
    if (read_number(&c, "minor number", &v.minor, e) < 0)
        return -1;
    if (!eat(&c, '.'))
        return fail(&c, e, " must be followed by a dot and the patch number");
    if (read_number(&c, "patch number", &v.patch, e) < 0)
        return -1;
    if (eat(&c, '-') && read_idents(&c, true, &v.pre, e) < 0)
        return -1;
    if (eat(&c, '+') && read_idents(&c, false, &v.build, e) < 0)
        return -1;
    if (c.rest.n > 0)
        return fail(&c, e, " is followed by a character that may not stand there");
    *ret_v = v;
    return 0;
}

int semver_published_check(struct str text, struct semver *ret_v, struct err *e)
{
    if (text.n > SEMVER_TEXT_MAX)
        return err_set(e, ERR_INVALID, "version is longer than %d bytes", SEMVER_TEXT_MAX);
    return semver_parse(text, ret_v, e);
}

void semver_format(struct buf *out, const struct semver *v)
{
    buf_add_u64(out, v->major);
    buf_add_byte(out, '.');
    buf_add_u64(out, v->minor);
    buf_add_byte(out, '.');
    buf_add_u64(out, v->patch);
    if (v->pre.n > 0) {
        buf_add_byte(out, '-');
        buf_add(out, v->pre);
    }
    if (v->build.n > 0) {
        buf_add_byte(out, '+');
        buf_add(out, v->build);
    }
}

int semver_rust_version_check(struct str text, struct err *e)
{
    static const char *const parts[] = { "major number", "minor number", "patch number" };
    struct cursor c = { .rest = text, .part = "it", .what = "Rust version", .whole = text };
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        uint64_t number;
        if (read_number(&c, parts[i], &number, e) < 0)
            return -1;
        if (c.rest.n == 0)
            return 0;
        if (!eat(&c, '.'))
            break;
    }
    return fail(&c, e, " is followed by a character that may not stand there");
}

static int cmp_u64(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

/* Numbers of any length by value; the crate puts 0 before 00 before 1 in build metadata (a
 * pre-release has no leading zeros, so there the last step never decides). */
static int cmp_digits(struct str a, struct str b)
{
    struct str av = a, bv = b;
    while (av.n > 0 && av.p[0] == '0')
        av = str_skip(av, 1);
    while (bv.n > 0 && bv.p[0] == '0')
        bv = str_skip(bv, 1);
    int d = cmp_u64(av.n, bv.n);
    if (d == 0)
        d = str_cmp(av, bv);
    return d ? d : cmp_u64(a.n, b.n);
}

/* An absent text counts as one empty identifier, which sorts before all others. */
static int cmp_idents(struct str a, struct str b)
{
    while (a.p && b.p) {
        struct str x = str_cut(&a, '.'), y = str_cut(&b, '.');
        bool x_digits = all_digits(x), y_digits = all_digits(y);
        int d;
        if (x_digits && y_digits)
            d = cmp_digits(x, y);
        else if (x_digits != y_digits)
            d = x_digits ? -1 : 1;
        else
            d = str_cmp(x, y);
        if (d != 0)
            return d;
    }
    return (a.p != NULL) - (b.p != NULL);
}

static int cmp_pre(struct str a, struct str b)
{
    if (a.n == 0 || b.n == 0)
        return (a.n == 0) - (b.n == 0); /* a release is above its pre-releases */
    return cmp_idents(a, b);
}

int semver_precedence(const struct semver *a, const struct semver *b)
{
    int d = cmp_u64(a->major, b->major);
    if (d == 0)
        d = cmp_u64(a->minor, b->minor);
    if (d == 0)
        d = cmp_u64(a->patch, b->patch);
    return d ? d : cmp_pre(a->pre, b->pre);
}

int semver_cmp(const struct semver *a, const struct semver *b)
{
    int d = semver_precedence(a, b);
    if (d != 0)
        return d;
    if (a->build.n == 0 || b->build.n == 0)
        return (a->build.n > 0) - (b->build.n > 0);
    return cmp_idents(a->build, b->build);
}

static enum semver_op read_op(struct cursor *c, bool *ret_given)
{
    *ret_given = true;
    if (eat(c, '='))
        return SEMVER_EXACT;
    if (eat(c, '>'))
        return eat(c, '=') ? SEMVER_GREATER_EQ : SEMVER_GREATER;
    if (eat(c, '<'))
        return eat(c, '=') ? SEMVER_LESS_EQ : SEMVER_LESS;
    if (eat(c, '~'))
        return SEMVER_TILDE;
    *ret_given = eat(c, '^');
    return SEMVER_CARET;
}

/* ".2", ".*" or nothing. A wildcard makes a comparator without an operator a wildcard one; beside
 * an operator it only leaves the number open. */
static int read_open_number(struct cursor *c, const char *part, bool *ret_has, uint64_t *ret,
    bool *ret_wildcard, struct err *e)
{
    *ret_has = false;
    if (!eat(c, '.'))
        return 0;
    if (eat_wildcard(c)) {
        *ret_wildcard = true;
        return 0;
    }
    if (*ret_wildcard)
        return fail(c, e, " is a wildcard, and only wildcards may follow it");
    *ret_has = true;
    return read_number(c, part, ret, e);
}

static int read_comparator(struct cursor *c, struct semver_comparator *ret, struct err *e)
{
    bool given, wildcard = false;
    *ret = (struct semver_comparator){ .op = read_op(c, &given) };
    eat_blanks(c);
    if (read_number(c, "major number", &ret->major, e) < 0)
        return -1;
    if (read_open_number(c, "minor number", &ret->has_minor, &ret->minor, &wildcard, e) < 0 ||
        read_open_number(c, "patch number", &ret->has_patch, &ret->patch, &wildcard, e) < 0)
        return -1;
    if (wildcard && !given)
        ret->op = SEMVER_WILDCARD;
    if (ret->has_patch && eat(c, '-') && read_idents(c, true, &ret->pre, e) < 0)
        return -1;
    struct str build; /* read and dropped: it has no part in matching */
    if (ret->has_patch && eat(c, '+') && read_idents(c, false, &build, e) < 0)
        return -1;
    eat_blanks(c);
    return 0;
}

int semver_req_parse(struct str text, struct semver_req *ret_req, struct err *e)
{
    struct cursor c = { .rest = text, .part = "it", .what = "requirement", .whole = text };
    ret_req->n = 0;
    eat_blanks(&c);
    if (eat_wildcard(&c)) {
        eat_blanks(&c);
        return c.rest.n == 0 ? 0 : fail(&c, e, " has a bare wildcard, which must stand alone");
    }
    for (size_t n = 0;;) {
        if (read_comparator(&c, &ret_req->c[n], e) < 0)
            return -1;
        n++;
        if (c.rest.n == 0) {
            ret_req->n = n;
            return 0;
        }
        if (!eat(&c, ','))
            return fail(&c, e, " must be followed by a comma or the end");
        eat_blanks(&c);
        c.part = "it";
        if (n == SEMVER_REQ_MAX)
            return fail(&c, e, " has more than 32 comparators");
    }
}

static void format_comparator(struct buf *out, const struct semver_comparator *c)
{
    static const char *const ops[] = { [SEMVER_EXACT] = "=",
        [SEMVER_GREATER] = ">",
        [SEMVER_GREATER_EQ] = ">=",
        [SEMVER_LESS] = "<",
        [SEMVER_LESS_EQ] = "<=",
        [SEMVER_TILDE] = "~",
        [SEMVER_CARET] = "^",
        [SEMVER_WILDCARD] = "" };
    buf_add(out, str_from(ops[c->op]));
    buf_add_u64(out, c->major);
    if (c->has_minor) {
        buf_add_byte(out, '.');
        buf_add_u64(out, c->minor);
    }
    if (c->has_patch) {
        buf_add_byte(out, '.');
        buf_add_u64(out, c->patch);
    } else if (c->op == SEMVER_WILDCARD) {
        buf_add(out, STR(".*"));
    }
    if (c->pre.n > 0) {
        buf_add_byte(out, '-');
        buf_add(out, c->pre);
    }
}

void semver_req_format(struct buf *out, const struct semver_req *req)
{
    if (req->n == 0)
        buf_add_byte(out, '*');
    for (size_t i = 0; i < req->n; i++) {
        if (i > 0)
            buf_add(out, STR(", "));
        format_comparator(out, &req->c[i]);
    }
}

static bool matches_exact(const struct semver_comparator *c, const struct semver *v)
{
    return v->major == c->major && (!c->has_minor || v->minor == c->minor) &&
           (!c->has_patch || v->patch == c->patch) && str_eq(v->pre, c->pre);
}

/* How v stands to the comparator's numbers; 0 also where the comparator leaves a number open, since
 * ">1" and "<1" hold for no 1.x.y. */
static int stands(const struct semver_comparator *c, const struct semver *v)
{
    int d = cmp_u64(v->major, c->major);
    if (d != 0 || !c->has_minor)
        return d;
    d = cmp_u64(v->minor, c->minor);
    if (d != 0 || !c->has_patch)
        return d;
    d = cmp_u64(v->patch, c->patch);
    return d ? d : cmp_pre(v->pre, c->pre);
}

static bool matches_tilde(const struct semver_comparator *c, const struct semver *v)
{
    if (v->major != c->major || (c->has_minor && v->minor != c->minor))
        return false;
    if (c->has_patch && v->patch != c->patch)
        return v->patch > c->patch;
    return cmp_pre(v->pre, c->pre) >= 0;
}

/* The leftmost number that is not zero may not change. */
static bool matches_caret(const struct semver_comparator *c, const struct semver *v)
{
    if (v->major != c->major)
        return false;
    if (!c->has_minor)
        return true;
    if (!c->has_patch)
        return c->major > 0 ? v->minor >= c->minor : v->minor == c->minor;
    if (v->minor != c->minor)
        return c->major > 0 && v->minor > c->minor;
    if (v->patch != c->patch)
        return (c->major > 0 || c->minor > 0) && v->patch > c->patch;
    return cmp_pre(v->pre, c->pre) >= 0;
}

static bool matches_one(const struct semver_comparator *c, const struct semver *v)
{
    switch (c->op) {
    case SEMVER_EXACT:
    case SEMVER_WILDCARD:
        return matches_exact(c, v);
    case SEMVER_GREATER:
        return stands(c, v) > 0;
    case SEMVER_GREATER_EQ:
        return matches_exact(c, v) || stands(c, v) > 0;
    case SEMVER_LESS:
        return stands(c, v) < 0;
    case SEMVER_LESS_EQ:
        return matches_exact(c, v) || stands(c, v) < 0;
    case SEMVER_TILDE:
        return matches_tilde(c, v);
    case SEMVER_CARET:
        return matches_caret(c, v);
    }
    return false;
}

/* A pre-release is taken only where the requirement names one of the same numbers. */
static bool admits_pre(const struct semver_req *req, const struct semver *v)
{
    for (size_t i = 0; i < req->n; i++) {
        const struct semver_comparator *c = &req->c[i];
        if (c->pre.n > 0 && c->has_patch && c->major == v->major && c->minor == v->minor &&
            c->patch == v->patch)
            return true;
    }
    return false;
}

bool semver_req_matches(const struct semver_req *req, const struct semver *v)
{
    for (size_t i = 0; i < req->n; i++) {
        if (!matches_one(&req->c[i], v))
            return false;
    }
    return v->pre.n == 0 || admits_pre(req, v);
}
