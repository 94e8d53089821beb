/* mapped_file.c - open, fstat, mmap. The descriptor is closed at once: the mapping keeps the file. */
#include "model/mapped_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/pages.h"

static void set_label(struct eng_mapped_file *file, const char *path)
{
    size_t n = strlen(path), cap = sizeof file->label;
    if (n < cap)
        memcpy(file->label, path, n + 1);
    else
        snprintf(file->label, cap, "...%s", path + n - (cap - 4));
}

int eng_mapped_file_open(struct eng_mapped_file *file, const char *path, struct eng_error *err)
{
    *file = (struct eng_mapped_file){0};
    set_label(file, path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return eng_fail(err, ENG_EIO, "%s: cannot open: %s", file->label, strerror(errno));
    int rc = ENG_OK;
    struct stat st;
    if (fstat(fd, &st) != 0) {
        rc = eng_fail(err, ENG_EIO, "%s: cannot stat: %s", file->label, strerror(errno));
    } else if (!S_ISREG(st.st_mode)) {
        rc = eng_fail(err, ENG_EIO, "%s: not a regular file", file->label);
    } else if ((uintmax_t)st.st_size > SIZE_MAX) {
        rc = eng_fail(err, ENG_EIO, "%s: too large for this machine's address space", file->label);
    } else if (st.st_size > 0) {
        void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (map == MAP_FAILED) {
            rc = eng_fail(err, ENG_EIO, "%s: cannot map: %s", file->label, strerror(errno));
        } else {
            file->data = map;
            file->n_bytes = (size_t)st.st_size;
        }
    }
    close(fd);
    return rc;
}

void eng_mapped_file_close(struct eng_mapped_file *file)
{
    if (file->data)
        munmap((void *)(uintptr_t)file->data, file->n_bytes);
    *file = (struct eng_mapped_file){0};
}

void eng_mapped_drop(const void *data, size_t n_bytes)
{
    eng_pages_advise(data, n_bytes, MADV_DONTNEED);
}
