#include "base/mem.h"

#include <stdint.h>
#include <string.h>

/* A size that cannot be had is a broken bound somewhere above, or a machine beyond saving: say so
 * with no allocation of our own, and leave a core. */
static void NORETURN mem_die(void)
{
    static const char text[] = "out of memory\n";
    ssize_t written = write(STDERR_FILENO, text, sizeof(text) - 1);
    (void)written;
    abort();
}

void *mem_alloc(size_t n)
{
    void *p = malloc(n ? n : 1);
    if (!p)
        mem_die();
    return p;
}

void *mem_zalloc(size_t n)
{
    void *p = calloc(1, n ? n : 1);
    if (!p)
        mem_die();
    return p;
}

void *mem_array(size_t count, size_t size)
{
    size_t n;
    if (__builtin_mul_overflow(count, size, &n))
        mem_die();
    return mem_zalloc(n);
}

void *mem_realloc(void *p, size_t n)
{
    void *q = realloc(p, n ? n : 1);
    if (!q)
        mem_die();
    return q;
}

void *mem_dup(const void *p, size_t n)
{
    if (n == SIZE_MAX)
        mem_die();
    char *q = mem_alloc(n + 1);
    if (n)
        memcpy(q, p, n);
    q[n] = '\0';
    return q;
}
