/**
 * atomic_file.h - a file that appears whole or not at all: written under another name in the same folder, synced, renamed, folder synced.
 * A process that is killed leaves at most the temporary file, "<path>.<process id>.tmp"; what stood at the path stays.
 */
#ifndef ENG_QUANTIZE_ATOMIC_FILE_H
#define ENG_QUANTIZE_ATOMIC_FILE_H

#include <stdint.h>

#include "base/error.h"

struct eng_atomic_file {
    int fd;              /* -1: not open */
    char *path, *temp;
};

/** eng_atomic_open() - make the temporary file. @n_bytes: the size that it will have, reserved at once where the file system can, so that
 *  a full disk is known before the work. ENG_EINVAL: @path is a folder or no regular file; ENG_EIO: the system's reason. */
int eng_atomic_open(struct eng_atomic_file *f, const char *path, uint64_t n_bytes, struct eng_error *err) ENG_MUST_CHECK;
int eng_atomic_write(struct eng_atomic_file *f, const void *bytes, size_t n, struct eng_error *err) ENG_MUST_CHECK;
/** eng_atomic_commit() - sync, close, rename, sync the folder. After a failure the temporary file is gone as well. */
int eng_atomic_commit(struct eng_atomic_file *f, struct eng_error *err) ENG_MUST_CHECK;
void eng_atomic_abort(struct eng_atomic_file *f); /* remove the temporary file; safe after commit and on {.fd = -1} */

#endif
