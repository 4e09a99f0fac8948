/* Whatever bytes come: a value is read or a sentence says why not, and a value that was read and is
 * written again reads as an equal one. */
#include "base/json.h"

#include "base/json_write.h"
#include "base/mem.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_value(struct json_out *out, json_t *j)
{
    const char *key;
    json_t *item;
    size_t i;
    json_type type = json_typeof(j);
    if (type == JSON_OBJECT) {
        json_object_begin(out);
        json_object_foreach(j, key, item)
        {
            json_key(out, str_from(key));
            write_value(out, item);
        }
        json_object_end(out);
    } else if (type == JSON_ARRAY) {
        json_array_begin(out);
        json_array_foreach(j, i, item) write_value(out, item);
        json_array_end(out);
    } else if (type == JSON_STRING) {
        json_put_str(out, json_str(j));
    } else if (type == JSON_INTEGER) {
        json_put_int(out, json_integer_value(j));
    } else {
        AUTO_FREE char *text = json_dumps(j, JSON_ENCODE_ANY);
        json_put_raw(out, str_from(text));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_JSON json_t *j = NULL, *again = NULL;
    struct err e = ERR_INIT;
    if (json_read((struct str){ (const char *)data, size }, &j, &e) < 0) {
        assert(!j && e.kind == ERR_INVALID && e.text[0] && utf8_valid(str_from(e.text)));
        return 0;
    }
    AUTO_BUF struct buf b = BUF_INIT(64 * size + 64);
    struct json_out out = JSON_OUT(&b);
    write_value(&out, j);
    assert(buf_ok(&b));
    int rc = json_read(buf_str(&b), &again, &e);
    assert(rc == 0 && json_equal(j, again));
    return 0;
}
