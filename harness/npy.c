/* npy.c - see npy.h. */
#include "harness/npy.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the floats are written as they lie in memory, and the header says little-endian"
#endif

enum { HEADER_ALIGNMENT = 64, PREFIX_BYTES = 10 /* magic, version, length */ };

static int write_header(struct mb_npy *npy, uint64_t n_rows, uint64_t n_cols, struct mb_error *err)
{
    char dict[256];
    int n = snprintf(dict, sizeof(dict), "{'descr': '<f4', 'fortran_order': False, 'shape': (%" PRIu64 ", %" PRIu64 "), }", n_rows, n_cols);
    while ((PREFIX_BYTES + n + 1) % HEADER_ALIGNMENT != 0)
        dict[n++] = ' ';
    dict[n++] = '\n';
    const unsigned char prefix[PREFIX_BYTES] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (unsigned char)n, (unsigned char)(n >> 8)};
    if (fwrite(prefix, 1, sizeof(prefix), npy->file) != sizeof(prefix) || fwrite(dict, 1, (size_t)n, npy->file) != (size_t)n)
        return mb_fail_errno(err, MB_EIO, "%s", npy->path);
    return MB_OK;
}

int mb_npy_open(struct mb_npy *npy, const char *path, uint64_t n_rows, uint64_t n_cols, struct mb_error *err)
{
    struct stat st;
    const size_t n = strlen(path) + 32;
    *npy = (struct mb_npy){0};
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return mb_fail(err, MB_EINVAL, "%s is no regular file, and the output has to be one", path);
    npy->path = strdup(path);
    npy->draft = malloc(n);
    if (!npy->path || !npy->draft) {
        mb_npy_abort(npy);
        return mb_fail(err, MB_ENOMEM, "%s: no memory", path);
    }
    snprintf(npy->draft, n, "%s.%ld.tmp", path, (long)getpid());
    npy->file = fopen(npy->draft, "wbe");
    int rc = npy->file ? write_header(npy, n_rows, n_cols, err) : mb_fail_errno(err, MB_EIO, "%s", path);
    if (rc)
        mb_npy_abort(npy);
    return rc;
}

int mb_npy_write(struct mb_npy *npy, const float *values, size_t n, struct mb_error *err)
{
    return fwrite(values, sizeof(*values), n, npy->file) == n ? MB_OK : mb_fail_errno(err, MB_EIO, "%s", npy->path);
}

static int sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
    const int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    const int rc = fd >= 0 ? fsync(fd) : 0;
    if (fd >= 0)
        close(fd);
    free(folder);
    return rc;
}

int mb_npy_commit(struct mb_npy *npy, struct mb_error *err)
{
    FILE *file = npy->file;
    int rc = MB_OK;
    npy->file = NULL;
    if (fflush(file) || fsync(fileno(file)))
        rc = mb_fail_errno(err, MB_EIO, "%s", npy->path);
    if (fclose(file) && !rc)
        rc = mb_fail_errno(err, MB_EIO, "%s", npy->path);
    if (!rc && rename(npy->draft, npy->path))
        rc = mb_fail_errno(err, MB_EIO, "%s", npy->path);
    if (!rc) {
        free(npy->draft); /* renamed: nothing to remove */
        npy->draft = NULL;
        (void)sync_folder(npy->path); /* the file is there; some file systems cannot sync a folder */
    }
    mb_npy_abort(npy);
    return rc;
}

void mb_npy_abort(struct mb_npy *npy)
{
    if (npy->file)
        fclose(npy->file);
    if (npy->draft)
        unlink(npy->draft);
    free(npy->draft);
    free(npy->path);
    *npy = (struct mb_npy){0};
}
