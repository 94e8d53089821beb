/* page_cache.c - see page_cache.h. */
#include "harness/page_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_BYTES (1u << 20)

static const char *const names[] = {[MB_PAGE_CACHE_AS_IS] = "as-is", [MB_PAGE_CACHE_WARM] = "warm", [MB_PAGE_CACHE_COLD] = "cold"};

const char *mb_page_cache_name(enum mb_page_cache state)
{
    return names[state];
}

int mb_page_cache_find(const char *name)
{
    for (int i = 0; i < (int)(sizeof(names) / sizeof(names[0])); i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

static int open_file(const char *path, int *fd, struct mb_error *err)
{
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    return *fd >= 0 ? MB_OK : mb_fail_errno(err, errno == ENOENT ? MB_ENOENT : MB_EIO, "page cache: %s", path);
}

static int read_all(int fd, const char *path, struct mb_error *err)
{
    char *chunk = malloc(READ_BYTES);
    if (!chunk)
        return mb_fail(err, MB_ENOMEM, "page cache: no memory to read %s", path);
    ssize_t n;
    while ((n = read(fd, chunk, READ_BYTES)) > 0 || (n < 0 && errno == EINTR))
        continue;
    free(chunk);
    return n == 0 ? MB_OK : mb_fail_errno(err, MB_EIO, "page cache: reading %s", path);
}

int mb_page_cache_prepare(const char *path, enum mb_page_cache state, struct mb_error *err)
{
    int fd, rc = MB_OK;
    if (state == MB_PAGE_CACHE_AS_IS)
        return MB_OK;
    if ((rc = open_file(path, &fd, err)))
        return rc;
    if (state == MB_PAGE_CACHE_WARM)
        rc = read_all(fd, path, err);
    else if ((errno = posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED)) != 0)
        rc = mb_fail_errno(err, MB_EIO, "page cache: POSIX_FADV_DONTNEED of %s", path);
    close(fd);
    return rc;
}

static int count_resident(int fd, size_t n_bytes, double *share)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), n = (n_bytes + page - 1) / page;
    unsigned char *in = malloc(n);
    void *map = mmap(NULL, n_bytes, PROT_READ, MAP_SHARED, fd, 0);
    int rc = !in || map == MAP_FAILED || mincore(map, n_bytes, in) ? MB_EIO : MB_OK;
    size_t n_in = 0;
    for (size_t i = 0; rc == MB_OK && i < n; i++)
        n_in += in[i] & 1u;
    *share = (double)n_in / (double)n;
    if (map != MAP_FAILED)
        munmap(map, n_bytes);
    free(in);
    return rc;
}

int mb_page_cache_resident(const char *path, double *share, struct mb_error *err)
{
    struct stat st;
    int fd, rc = open_file(path, &fd, err);
    if (rc)
        return rc;
    if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size <= 0)
        rc = mb_fail(err, MB_ENOTSUP, "page cache: %s is no file with content", path);
    else if (st.st_uid != geteuid() && access(path, W_OK) != 0)
        rc = mb_fail(err, MB_ENOTSUP, "the kernel tells what is resident only to a file's owner and writers (mincore)");
    else if (count_resident(fd, (size_t)st.st_size, share))
        rc = mb_fail(err, MB_ENOTSUP, "page cache: %s cannot be mapped to be looked at", path);
    close(fd);
    return rc;
}
