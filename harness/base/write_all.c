/* write_all.c - see write_all.h. */
#include "base/write_all.h"

#include <errno.h>
#include <unistd.h>

bool mb_write_all(int fd, const char *bytes, size_t n_bytes)
{
    while (n_bytes > 0) {
        const ssize_t n = write(fd, bytes, n_bytes);
        if (n < 0 && errno != EINTR)
            return false;
        bytes += n > 0 ? n : 0;
        n_bytes -= n > 0 ? (size_t)n : 0;
    }
    return true;
}
