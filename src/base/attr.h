/* Compiler attributes and scope cleanup. Nothing here has state. */
#pragma once
#include <stddef.h>
#include <unistd.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define NORETURN __attribute__((noreturn))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* AUTO(fn) runs fn(&variable) when the variable's scope ends; TAKE(v) gives v away and leaves NULL
 * behind. */
#define AUTO(fn) __attribute__((cleanup(fn)))
#define TAKE(p)                                                                                    \
    ({                                                                                             \
        __typeof__(p) taken_ = (p);                                                                \
        (p) = NULL;                                                                                \
        taken_;                                                                                    \
    })

static inline void attr_close(const int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}
/* A file descriptor closed at scope end; -1 means none. TAKE_FD gives it away. */
#define AUTO_CLOSE AUTO(attr_close)
#define TAKE_FD(fd)                                                                                \
    ({                                                                                             \
        int taken_ = (fd);                                                                         \
        (fd) = -1;                                                                                 \
        taken_;                                                                                    \
    })
