/** mapped_file.h - a whole file, read-only in memory; and short names of it for messages. */
#ifndef ENG_MODEL_MAPPED_FILE_H
#define ENG_MODEL_MAPPED_FILE_H

#include <stdint.h>

#include "base/error.h"

struct eng_mapped_file {
    const uint8_t *data; /* NULL for an empty file */
    size_t n_bytes;
    char label[128]; /* the path, its beginning cut when long: what messages start with */
};

/** eng_mapped_file_open() - ENG_EIO with the system's reason when the file cannot be opened, is a folder, or cannot be mapped. */
int eng_mapped_file_open(struct eng_mapped_file *file, const char *path, struct eng_error *err) ENG_MUST_CHECK;
void eng_mapped_file_close(struct eng_mapped_file *file); /* safe on zeroed */

/** eng_mapped_drop() - tell the system that [data, data + n_bytes) of a mapping is not needed in memory for now.
 *  Reading it later still works. Pages that are only partly inside stay. */
void eng_mapped_drop(const void *data, size_t n_bytes);

#endif
