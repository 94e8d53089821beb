/* atomic_file.c - see atomic_file.h. */
#include "quantize/atomic_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int check_target(const char *path, struct eng_error *err)
{
    struct stat st;
    if (!*path)
        return eng_fail(err, ENG_EINVAL, "the name of the output file is empty");
    if (stat(path, &st) != 0)
        return ENG_OK; /* not there, or a reason that open(2) will say */
    if (S_ISDIR(st.st_mode))
        return eng_fail(err, ENG_EINVAL, "%s is a folder; give the name of a file", path);
    if (!S_ISREG(st.st_mode))
        return eng_fail(err, ENG_EINVAL, "%s is no regular file, and the output has to be one", path);
    return ENG_OK;
}

int eng_atomic_open(struct eng_atomic_file *f, const char *path, uint64_t n_bytes, struct eng_error *err)
{
    enum { ATTEMPTS = 100 }; /* names left by killed processes with this id */
    const size_t n = strlen(path) + 40;
    *f = (struct eng_atomic_file){.fd = -1};
    int rc = check_target(path, err);
    if (rc != ENG_OK)
        return rc;
    f->path = strdup(path);
    f->temp = malloc(n);
    if (!f->path || !f->temp) {
        eng_atomic_abort(f);
        return eng_fail(err, ENG_ENOMEM, "%s: no memory", path);
    }
    for (int i = 0; i < ATTEMPTS && f->fd < 0; i++) {
        snprintf(f->temp, n, i ? "%s.%ld-%d.tmp" : "%s.%ld.tmp", path, (long)getpid(), i);
        f->fd = open(f->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (f->fd < 0 && errno != EEXIST)
            break;
    }
    if (f->fd < 0) {
        rc = eng_fail(err, ENG_EIO, "%s: cannot write: %s", path, strerror(errno));
        eng_atomic_abort(f);
        return rc;
    }
    if (n_bytes && fallocate(f->fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)n_bytes) != 0 && errno == ENOSPC) {
        rc = eng_fail(err, ENG_EIO, "%s: %.1f MiB are needed: %s", path, (double)n_bytes / (1 << 20), strerror(ENOSPC));
        eng_atomic_abort(f);
    }
    return rc;
}

int eng_atomic_write(struct eng_atomic_file *f, const void *bytes, size_t n, struct eng_error *err)
{
    const char *p = bytes;
    while (n > 0) {
        const ssize_t done = write(f->fd, p, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return eng_fail(err, ENG_EIO, "%s: cannot write: %s", f->path, done < 0 ? strerror(errno) : "nothing was taken");
        p += done;
        n -= (size_t)done;
    }
    return ENG_OK;
}

/* A rename is safe from a power failure only when its folder is on disk. File systems that cannot sync a folder say EINVAL. */
static int sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
    const int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int rc = fd < 0 || fsync(fd) == 0 || errno == EINVAL ? 0 : -1;
    free(folder);
    if (fd >= 0)
        close(fd);
    return rc;
}

int eng_atomic_commit(struct eng_atomic_file *f, struct eng_error *err)
{
    int rc = ENG_OK;
    if (fsync(f->fd) != 0)
        rc = eng_fail(err, ENG_EIO, "%s: cannot sync: %s", f->path, strerror(errno));
    if (close(f->fd) != 0 && rc == ENG_OK)
        rc = eng_fail(err, ENG_EIO, "%s: cannot close: %s", f->path, strerror(errno));
    f->fd = -1;
    if (rc == ENG_OK && rename(f->temp, f->path) != 0)
        rc = eng_fail(err, ENG_EIO, "%s: cannot rename: %s", f->path, strerror(errno));
    if (rc == ENG_OK) {
        free(f->temp); /* renamed: nothing to remove */
        f->temp = NULL;
        if (sync_folder(f->path) != 0)
            rc = eng_fail(err, ENG_EIO, "%s: cannot sync its folder: %s", f->path, strerror(errno));
    }
    eng_atomic_abort(f);
    return rc;
}

void eng_atomic_abort(struct eng_atomic_file *f)
{
    const bool made = f->fd >= 0 || f->temp;
    if (f->fd >= 0)
        close(f->fd);
    if (made && f->temp)
        unlink(f->temp);
    free(f->temp);
    free(f->path);
    *f = (struct eng_atomic_file){.fd = -1};
}
