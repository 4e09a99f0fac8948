/* jansson recurses up to 2048 deep and that bound cannot be set, so brackets are counted first, in
 * one pass over the bytes that knows just enough of strings not to count inside them. The rest is
 * jansson's: strict UTF-8, no NUL, no number that int64 or double cannot hold. */
#include "base/json.h"

static bool too_deep(struct str text)
{
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
            continue;
        }
        if (c == '"')
            in_string = true;
        else if ((c == '[' || c == '{') && ++depth > JSON_DEPTH_MAX)
            return true;
        else if ((c == ']' || c == '}') && depth > 0)
            depth--;
    }
    return false;
}

/* jansson quotes what it stumbled over, and may cut it inside a character. */
static struct str reason(const json_error_t *why)
{
    struct str text = str_from(why->text);
    bool clean = utf8_valid(text);
    for (size_t i = 0; i < text.n; i++)
        clean = clean && (unsigned char)text.p[i] >= 0x20;
    return clean ? text : str_from_to(text, 0, str_find_str(text, STR(" near ")));
}

int json_read(struct str text, json_t **ret, struct err *e)
{
    if (text.n == 0)
        return err_set(e, ERR_INVALID, "the JSON is empty");
    if (str_starts(text, STR("\xEF\xBB\xBF")))
        return err_set(e, ERR_INVALID, "the JSON starts with a byte order mark; leave it out");
    if (too_deep(text))
        return err_set(e, ERR_INVALID, "the JSON is nested deeper than %d levels", JSON_DEPTH_MAX);
    json_error_t why;
    json_t *j = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    if (!j && json_error_code(&why) == json_error_out_of_memory)
        abort();
    if (j) {
        *ret = j;
        return 0;
    }
    struct str said = reason(&why);
    return err_set(e, ERR_INVALID, "the JSON cannot be read: line %d, column %d: %" STR_FMT,
        why.line, why.column, STR_ARG(said));
}

struct str json_str(const json_t *string)
{
    if (!json_is_string(string))
        return STR_NONE;
    return (struct str){ json_string_value(string), json_string_length(string) };
}
