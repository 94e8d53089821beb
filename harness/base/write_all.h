/** write_all.h - write(2) until everything is written. */
#ifndef MB_BASE_WRITE_ALL_H
#define MB_BASE_WRITE_ALL_H

#include <stdbool.h>
#include <stddef.h>

/** mb_write_all() - false: errno says why, and a part may have been written. EINTR is not an error. */
bool mb_write_all(int fd, const char *bytes, size_t n_bytes);

#endif
