/* The grammar of a document: lines, headers, arrays, inline tables.
 *
 * One pass before all others refuses what TOML allows nowhere (ill-formed UTF-8, control
 * characters, a CR without LF), so the rest may take its bytes as they come. Time is linear in the
 * text but for look-ups (toml_table.c). Every container knows its level and none lies deeper than
 * TOML_DEPTH_MAX, which bounds the recursion here and in whoever walks the tree. Memory is counted
 * against the size of the text: the densest documents cost some 80 times their size and nobody
 * writes them, so they are refused (TOML_MEMORY_FACTOR). */
#include "base/toml_private.h"

static int parse_value(struct toml_parser *p, int level, struct toml_value **ret);

static int check_char(struct toml_parser *p, uint32_t cp)
{
    if (cp == '\n')
        p->line++;
    if (cp == '\t' || cp == '\n' || (cp >= 0x20 && cp != 0x7f))
        return 0;
    if (cp != '\r')
        return toml_fail(
            p, p->line, "a control character (U+%04X) must be written as an escape", (unsigned)cp);
    if (p->at + 1 < p->in.n && p->in.p[p->at + 1] == '\n')
        return 0;
    return toml_fail(p, p->line, "a carriage return must be followed by a line feed");
}

static int check_text(struct toml_parser *p)
{
    while (p->at < p->in.n) {
        uint32_t cp = (unsigned char)p->in.p[p->at];
        size_t n = cp < 0x80 ? 1 : utf8_next(str_skip(p->in, p->at), &cp);
        if (n == 0)
            return toml_fail(p, p->line, "the text is not UTF-8");
        if (check_char(p, cp) < 0)
            return -1;
        p->at += n;
    }
    p->at = 0;
    p->line = 1;
    return 0;
}

static void skip_comment(struct toml_parser *p)
{
    if (toml_peek(p) != '#')
        return;
    while (p->at < p->in.n && p->in.p[p->at] != '\n' && p->in.p[p->at] != '\r')
        p->at++;
}

static bool skip_newline(struct toml_parser *p)
{
    if (toml_peek(p) == '\r')
        p->at++;
    if (toml_peek(p) != '\n')
        return false;
    p->at++;
    p->line++;
    return true;
}

/* Between the values of an array. */
static void skip_blank_lines(struct toml_parser *p)
{
    do {
        toml_skip_ws(p);
        skip_comment(p);
    } while (skip_newline(p));
}

static int end_line(struct toml_parser *p)
{
    toml_skip_ws(p);
    skip_comment(p);
    if (p->at == p->in.n || skip_newline(p))
        return 0;
    return toml_fail(p, p->line, "the line should end here");
}

static int fail_taken(
    struct toml_parser *p, const struct toml_path *path, int i, const struct toml_value *old)
{
    return toml_fail(p, path->line, "\"%" STR_FMT "\" is already defined, on line %d",
        STR_ARG(toml_shown(p, path->seg[i])), old->line);
}

static struct toml_table *add_table(struct toml_parser *p, struct toml_table *t, struct str key,
    enum toml_table_kind kind, int line)
{
    struct toml_value *v = toml_new_table(p, kind, toml_table_node(t)->level + 1, line);
    if (!v || toml_table_add(p, t, key, v) < 0)
        return NULL;
    return v->table;
}

/* One step of a dotted key before its last part. */
static struct toml_table *step_key(
    struct toml_parser *p, struct toml_table *t, const struct toml_path *path, int i)
{
    struct toml_value *v = toml_get(t, path->seg[i]);
    if (!v)
        return add_table(p, t, path->seg[i], TOML_TABLE_DOTTED, path->line);
    if (v->type == TOML_TABLE) {
        struct toml_table_node *node = toml_table_node(v->table);
        if (node->kind == TOML_TABLE_IMPLICIT)
            node->kind = TOML_TABLE_DOTTED;
        if (node->kind == TOML_TABLE_DOTTED)
            return v->table;
    }
    (void)fail_taken(p, path, i, v);
    return NULL;
}

/* key = value, into t. */
static int parse_pair(struct toml_parser *p, struct toml_table *t)
{
    struct toml_path path;
    if (toml_parse_path(p, &path) < 0)
        return -1;
    for (int i = 0; i < path.n - 1; i++) {
        t = step_key(p, t, &path, i);
        if (!t)
            return -1;
    }
    const struct toml_value *old = toml_get(t, path.seg[path.n - 1]);
    if (old)
        return fail_taken(p, &path, path.n - 1, old);
    if (toml_peek(p) != '=')
        return toml_fail(p, p->line, "\"%" STR_FMT "\" should be followed by = and a value",
            STR_ARG(toml_shown(p, path.seg[path.n - 1])));
    p->at++;
    toml_skip_ws(p);
    struct toml_value *v = NULL;
    if (parse_value(p, toml_table_node(t)->level + 1, &v) < 0)
        return -1;
    return toml_table_add(p, t, path.seg[path.n - 1], v);
}

static int parse_array(struct toml_parser *p, int level, struct toml_value **ret)
{
    struct toml_value *array = toml_new_array(p, level, p->line);
    if (!array)
        return -1;
    *ret = array;
    p->at++;
    for (;;) {
        skip_blank_lines(p);
        if (toml_peek(p) == ']')
            break;
        struct toml_value *item = NULL;
        if (parse_value(p, level + 1, &item) < 0 || toml_array_push(p, array, item) < 0)
            return -1;
        skip_blank_lines(p);
        if (toml_peek(p) == ']')
            break;
        if (toml_peek(p) != ',')
            return toml_fail(
                p, p->line, "the array of line %d goes on with , or ends with ]", array->line);
        p->at++;
    }
    p->at++;
    return 0;
}

/* On one line and without a comma at its end: TOML 1.0, not 1.1. */
static int parse_inline(struct toml_parser *p, int level, struct toml_value **ret)
{
    struct toml_value *v = toml_new_table(p, TOML_TABLE_INLINE, level, p->line);
    if (!v)
        return -1;
    *ret = v;
    p->at++;
    toml_skip_ws(p);
    if (toml_peek(p) == '}') {
        p->at++;
        return 0;
    }
    for (;;) {
        if (parse_pair(p, v->table) < 0)
            return -1;
        toml_skip_ws(p);
        int c = toml_peek(p);
        if (c != ',' && c != '}')
            return toml_fail(
                p, p->line, "an inline table goes on with , or ends with } on its line");
        p->at++;
        if (c == '}')
            return 0;
    }
}

/* level is that of the value, should it be a container. */
static int parse_value(struct toml_parser *p, int level, struct toml_value **ret)
{
    int c = toml_peek(p);
    if (c == '[')
        return parse_array(p, level, ret);
    if (c == '{')
        return parse_inline(p, level, ret);
    if (c != '"' && c != '\'')
        return toml_parse_scalar(p, ret);
    struct toml_value *v = toml_new_value(p, TOML_STRING, p->line);
    if (!v)
        return -1;
    *ret = v;
    return toml_parse_string(p, &v->string);
}

/* One step of a header before its last part. */
static struct toml_table *step_header(
    struct toml_parser *p, struct toml_table *t, const struct toml_path *path, int i)
{
    struct toml_value *v = toml_get(t, path->seg[i]);
    if (!v)
        return add_table(p, t, path->seg[i], TOML_TABLE_IMPLICIT, path->line);
    if (v->type == TOML_ARRAY && toml_array_node(v)->of_headers)
        v = v->array.items[v->array.n - 1];
    if (v->type == TOML_TABLE && toml_table_node(v->table)->kind != TOML_TABLE_INLINE)
        return v->table;
    (void)fail_taken(p, path, i, v);
    return NULL;
}

static int open_table(struct toml_parser *p, struct toml_table *t, const struct toml_path *path,
    struct toml_table **ret)
{
    int last = path->n - 1;
    struct toml_value *old = toml_get(t, path->seg[last]);
    if (!old) {
        *ret = add_table(p, t, path->seg[last], TOML_TABLE_HEADER, path->line);
        return *ret ? 0 : -1;
    }
    if (old->type != TOML_TABLE || toml_table_node(old->table)->kind != TOML_TABLE_IMPLICIT)
        return fail_taken(p, path, last, old);
    toml_table_node(old->table)->kind = TOML_TABLE_HEADER;
    old->line = path->line;
    *ret = old->table;
    return 0;
}

static int open_element(struct toml_parser *p, struct toml_table *t, const struct toml_path *path,
    struct toml_table **ret)
{
    struct str key = path->seg[path->n - 1];
    int level = toml_table_node(t)->level + 1;
    struct toml_value *array = toml_get(t, key);
    if (!array) {
        array = toml_new_array(p, level, path->line);
        if (!array || toml_table_add(p, t, key, array) < 0)
            return -1;
        toml_array_node(array)->of_headers = true;
    }
    if (array->type != TOML_ARRAY || !toml_array_node(array)->of_headers)
        return fail_taken(p, path, path->n - 1, array);
    struct toml_value *v = toml_new_table(p, TOML_TABLE_HEADER, level + 1, path->line);
    if (!v || toml_array_push(p, array, v) < 0)
        return -1;
    *ret = v->table;
    return 0;
}

/* [path] or [[path]]: leaves the table it opens in *ret. */
static int parse_header(struct toml_parser *p, struct toml_table *root, struct toml_table **ret)
{
    bool element = toml_sees(p, STR("[["));
    struct str end = element ? STR("]]") : STR("]");
    p->at += end.n;
    struct toml_path path;
    if (toml_parse_path(p, &path) < 0)
        return -1;
    if (!toml_sees(p, end))
        return toml_fail(p, p->line, "this table header should end with %" STR_FMT, STR_ARG(end));
    p->at += end.n;
    struct toml_table *t = root;
    for (int i = 0; i < path.n - 1; i++) {
        t = step_header(p, t, &path, i);
        if (!t)
            return -1;
    }
    return element ? open_element(p, t, &path, ret) : open_table(p, t, &path, ret);
}

static int parse_document(struct toml_parser *p, struct toml_table *root)
{
    struct toml_table *t = root;
    while (p->at < p->in.n) {
        toml_skip_ws(p);
        int c = toml_peek(p);
        int ret = 0;
        if (c == '[')
            ret = parse_header(p, root, &t);
        else if (c != -1 && c != '#' && c != '\r' && c != '\n')
            ret = parse_pair(p, t);
        if (ret < 0 || end_line(p) < 0)
            return -1;
    }
    return 0;
}

int toml_parse(struct arena *a, struct str text, struct toml_table **ret_root, struct err *e)
{
    if (text.n > TOML_SIZE_MAX)
        return err_set(
            e, ERR_TOO_LARGE, "a TOML document may have at most %u bytes", TOML_SIZE_MAX);
    /* TOML 1.0 does not speak of a byte order mark; cargo skips one at the start, so we do. */
    if (str_starts(text, STR("\xef\xbb\xbf")))
        text = str_skip(text, 3);
    struct toml_parser p = {
        .a = a,
        .in = text,
        .line = 1,
        .used_max = text.n * TOML_MEMORY_FACTOR + TOML_MEMORY_FLOOR,
        .e = e,
    };
    if (check_text(&p) < 0)
        return -1;
    struct toml_value *root = toml_new_table(&p, TOML_TABLE_HEADER, 0, 1);
    if (!root || parse_document(&p, root->table) < 0)
        return -1;
    *ret_root = root->table;
    return 0;
}
