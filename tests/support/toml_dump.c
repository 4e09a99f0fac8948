/* Prints a TOML document as the tagged JSON of toml-test: {"type": ..., "value": ...} for each
 * leaf. Without arguments it reads standard input and exits with 1 and the reason on standard
 * error when the document is not TOML. With files it prints one line for each: the JSON, or
 * '!' and the reason. */
#include "base/json_write.h"
#include "base/toml.h"

#include <math.h>
#include <stdio.h>

#define JSON_MAX (64u << 20)

static void put_leaf(struct json_out *j, const char *type, struct str value)
{
    json_object_begin(j);
    json_key(j, STR("type"));
    json_put_str(j, str_from(type));
    json_key(j, STR("value"));
    json_put_str(j, value);
    json_object_end(j);
}

static void put_number(struct json_out *j, const struct toml_value *v)
{
    char text[64];
    if (v->type == TOML_INT)
        (void)snprintf(text, sizeof(text), "%lld", (long long)v->integer);
    else if (isnan(v->real))
        (void)snprintf(text, sizeof(text), "nan");
    else
        (void)snprintf(text, sizeof(text), "%.17g", v->real);
    put_leaf(j, v->type == TOML_INT ? "integer" : "float", str_from(text));
}

static void put_value(struct json_out *j, const struct toml_value *v);

static void put_table(struct json_out *j, const struct toml_table *t)
{
    json_object_begin(j);
    for (const struct toml_pair *pair = t->first; pair; pair = pair->next) {
        json_key(j, pair->key);
        put_value(j, pair->value);
    }
    json_object_end(j);
}

static void put_array(struct json_out *j, const struct toml_value *v)
{
    json_array_begin(j);
    for (size_t i = 0; i < v->array.n; i++)
        put_value(j, v->array.items[i]);
    json_array_end(j);
}

/* Recurses as deep as toml_parse lets a document nest. */
static void put_value(struct json_out *j, const struct toml_value *v)
{
    static const char *const kinds[] = {
        [TOML_OFFSET_DATETIME] = "datetime",
        [TOML_LOCAL_DATETIME] = "datetime-local",
        [TOML_LOCAL_DATE] = "date-local",
        [TOML_LOCAL_TIME] = "time-local",
    };
    switch (v->type) {
    case TOML_STRING:
        put_leaf(j, "string", v->string);
        break;
    case TOML_INT:
    case TOML_FLOAT:
        put_number(j, v);
        break;
    case TOML_BOOL:
        put_leaf(j, "bool", v->boolean ? STR("true") : STR("false"));
        break;
    case TOML_DATETIME:
        put_leaf(j, kinds[v->datetime.kind], v->datetime.text);
        break;
    case TOML_ARRAY:
        put_array(j, v);
        break;
    case TOML_TABLE:
        put_table(j, v->table);
        break;
    }
}

static int dump(FILE *f, struct buf *out, struct err *e)
{
    AUTO_BUF struct buf text = BUF_INIT(TOML_SIZE_MAX + 65536);
    for (;;) {
        char *room = buf_room(&text, 65536);
        if (!room)
            break;
        size_t got = fread(room, 1, 65536, f);
        if (got == 0)
            break;
        buf_grew(&text, got);
    }
    AUTO_ARENA struct arena *a = arena_new();
    struct toml_table *root = NULL;
    if (toml_parse(a, buf_str(&text), &root, e) < 0)
        return -1;
    struct json_out j = JSON_OUT(out);
    put_table(&j, root);
    return buf_ok(out) ? 0 : err_set(e, ERR_TOO_LARGE, "the JSON is too large");
}

static int dump_stdin(void)
{
    struct err e = ERR_INIT;
    AUTO_BUF struct buf out = BUF_INIT(JSON_MAX);
    if (dump(stdin, &out, &e) < 0) {
        (void)fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    (void)printf("%" STR_FMT "\n", STR_ARG(buf_str(&out)));
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 1)
        return dump_stdin();
    for (int i = 1; i < argc; i++) {
        FILE *f = fopen(argv[i], "rb");
        if (!f) {
            (void)fprintf(stderr, "%s cannot be opened\n", argv[i]);
            return 2;
        }
        struct err e = ERR_INIT;
        AUTO_BUF struct buf out = BUF_INIT(JSON_MAX);
        if (dump(f, &out, &e) < 0)
            (void)printf("!%s\n", e.text);
        else
            (void)printf("%" STR_FMT "\n", STR_ARG(buf_str(&out)));
        (void)fclose(f);
    }
    return 0;
}
