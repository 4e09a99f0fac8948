#include "index/sparse.h"

#include "base/map.h"
#include "base/mem.h"
#include "crate/name.h"

struct sparse {
    struct map *files; /* lower-case name -> struct answer, one reference each */
};

struct sparse *sparse_new(void)
{
    struct sparse *s = MEM_NEW(struct sparse);
    s->files = map_new();
    return s;
}

static void unref_value(void *a)
{
    answer_unref(a);
}

void sparse_free(struct sparse *s)
{
    if (!s)
        return;
    map_free(s->files, unref_value);
    free(s);
}

void sparse_put(struct sparse *s, struct str lower_name, struct answer *a)
{
    answer_unref(map_put(s->files, lower_name, a));
}

struct answer *sparse_find(const struct sparse *s, struct str path)
{
    size_t slash = str_rfind(path, '/');
    struct str name = slash == STR_NPOS ? path : str_skip(path, slash + 1);
    if (name.n == 0 || name.n > CRATE_NAME_MAX)
        return NULL;
    char lower[CRATE_NAME_MAX];
    for (size_t i = 0; i < name.n; i++)
        lower[i] = ascii_lower(name.p[i]);
    return map_get(s->files, (struct str){ lower, name.n });
}

size_t sparse_count(const struct sparse *s)
{
    return map_count(s->files);
}
