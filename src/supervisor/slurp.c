/* read(2) until it gives nothing, not st_size bytes: files of /proc and /sys have no size.
 * O_NONBLOCK so that the open of a pipe comes back; fstat afterwards looks at what was really
 * opened. */
#include "supervisor/slurp.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define CHUNK 4096

static int because(struct err *e, int sys)
{
    return err_set(e, sys == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s", strerror(sys));
}

int slurp_file(const char *path, struct buf *out, bool *ret_more, struct err *e)
{
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;
    char chunk[CHUNK];
    *ret_more = false;
    if (fd < 0 || fstat(fd, &st) < 0)
        return because(e, errno);
    if (!S_ISREG(st.st_mode))
        return err_set(e, ERR_INVALID, "it is not a plain file");
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return because(e, errno);
        if (n == 0)
            return 0;
        size_t room = out->max - out->n;
        *ret_more = (size_t)n > room;
        buf_add(out, (struct str){ chunk, *ret_more ? room : (size_t)n });
        if (*ret_more)
            return 0;
    }
}
