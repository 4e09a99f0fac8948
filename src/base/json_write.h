/* Compact JSON into a buf, bytes as serde_json writes them: only '"', '\\' and control characters
 * are escaped (\b \t \n \f \r short, others \u00xx), UTF-8 goes through. Commas are put in place.
 */
#pragma once
#include "base/buf.h"

struct json_out {
    struct buf *b;
    bool comma; /* a comma is due before the next value or key */
};

#define JSON_OUT(buf) ((struct json_out){ .b = (buf) })

void json_object_begin(struct json_out *j);
void json_object_end(struct json_out *j);
void json_array_begin(struct json_out *j);
void json_array_end(struct json_out *j);
void json_key(struct json_out *j, struct str key);
void json_put_str(struct json_out *j, struct str s);         /* s must be UTF-8 */
void json_put_str_or_null(struct json_out *j, struct str s); /* null when s.p is NULL */
void json_put_int(struct json_out *j, int64_t v);
void json_put_bool(struct json_out *j, bool v);
void json_put_null(struct json_out *j);
void json_put_time(struct json_out *j, int64_t unix_s); /* RFC 3339 in whole seconds */
void json_put_raw(struct json_out *j, struct str json); /* one value, already JSON */
