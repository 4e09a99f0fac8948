#include "api/form.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a AUTO_ARENA = arena_new();
    struct form f;
    struct str body = { (const char *)data, size };
    if (size > FORM_MAX || form_parse(a, body, &f, NULL) < 0)
        return 0;
    assert(f.n <= FORM_FIELDS_MAX);
    for (size_t i = 0; i < f.n; i++) {
        assert(utf8_valid(f.fields[i].name) && utf8_valid(f.fields[i].value));
        assert(!str_has(f.fields[i].value, '\0'));
        assert(f.fields[i].name.n + f.fields[i].value.n <= size);
    }
    return 0;
}
