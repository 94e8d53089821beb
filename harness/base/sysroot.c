/* sysroot.c - see sysroot.h. */
#include "base/sysroot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int status_of_errno(void)
{
    switch (errno) {
    case ENOENT:
    case ENOTDIR:
        return MB_ENOENT;
    case EACCES:
    case EPERM:
        return MB_ENOTSUP;
    default:
        return MB_EIO;
    }
}

static int open_with(const char *root, const char *path, int flags, struct mb_error *err)
{
    char full[PATH_MAX];
    snprintf(full, sizeof(full), "%s%s", root ? root : "", path);
    const int fd = open(full, flags | O_CLOEXEC);
    return fd >= 0 ? fd : mb_fail_errno(err, status_of_errno(), "%s", path);
}

int mb_sys_open(const char *root, const char *path, struct mb_error *err)
{
    return open_with(root, path, O_RDONLY, err);
}

int mb_sys_open_write(const char *root, const char *path, struct mb_error *err)
{
    return open_with(root, path, O_WRONLY, err);
}

int mb_sys_write_text(const char *root, const char *path, const char *text, struct mb_error *err)
{
    const int fd = open_with(root, path, O_WRONLY | O_TRUNC, err);
    if (fd < 0)
        return fd;
    const ssize_t n = write(fd, text, strlen(text));
    int rc = n == (ssize_t)strlen(text) ? MB_OK : mb_fail_errno(err, MB_EIO, "%s", path);
    if (close(fd) && !rc)
        rc = mb_fail_errno(err, MB_EIO, "%s", path);
    return rc;
}

int mb_sys_pread_text(int fd, char *buf, size_t cap)
{
    ssize_t n;
    do {
        n = pread(fd, buf, cap - 1, 0);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return MB_EIO;
    while (n > 0 && (buf[n - 1] == '\n' || buf[n - 1] == ' '))
        n--;
    buf[n] = '\0';
    return (int)n;
}

static int parse_i64(const char *text, int64_t *value)
{
    char *end;
    errno = 0;
    const long long v = strtoll(text, &end, 10);
    if (end == text || errno || (*end && *end != '\n' && *end != ' '))
        return MB_EFORMAT;
    *value = v;
    return MB_OK;
}

int mb_sys_pread_i64(int fd, int64_t *value)
{
    char text[64];
    const int n = mb_sys_pread_text(fd, text, sizeof(text));
    return n < 0 ? n : parse_i64(text, value);
}

int mb_sys_read_text(const char *root, const char *path, char *buf, size_t cap, struct mb_error *err)
{
    const int fd = mb_sys_open(root, path, err);
    if (fd < 0)
        return fd;
    const int n = mb_sys_pread_text(fd, buf, cap);
    if (n < 0)
        mb_fail_errno(err, MB_EIO, "%s", path);
    close(fd);
    return n < 0 ? n : MB_OK;
}

int mb_sys_read_i64(const char *root, const char *path, int64_t *value, struct mb_error *err)
{
    char text[64];
    const int rc = mb_sys_read_text(root, path, text, sizeof(text), err);
    if (rc)
        return rc;
    return parse_i64(text, value) ? mb_fail(err, MB_EFORMAT, "%s: '%s' is not a number", path, text) : MB_OK;
}

static int by_natural_order(const void *a, const void *b)
{
    return strverscmp(*(char *const *)a, *(char *const *)b);
}

int mb_sys_list(const char *root, const char *dir, const char *prefix, char ***names, size_t *n, struct mb_error *err)
{
    char full[PATH_MAX];
    snprintf(full, sizeof(full), "%s%s", root ? root : "", dir);
    *names = NULL;
    *n = 0;
    DIR *d = opendir(full);
    if (!d)
        return mb_fail_errno(err, status_of_errno(), "%s", dir);
    int rc = MB_OK;
    const struct dirent *entry;
    while ((entry = readdir(d))) {
        if (entry->d_name[0] == '.' || strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
            continue;
        char **grown = realloc(*names, (*n + 1) * sizeof(**names));
        char *copy = strdup(entry->d_name);
        if (grown)
            *names = grown;
        if (!grown || !copy) {
            free(copy);
            rc = mb_fail(err, MB_ENOMEM, "%s: no memory to list it", dir);
            break;
        }
        (*names)[(*n)++] = copy;
    }
    closedir(d);
    if (rc) {
        mb_sys_list_free(*names, *n);
        *names = NULL;
        *n = 0;
        return rc;
    }
    if (*n > 1)
        qsort(*names, *n, sizeof(**names), by_natural_order);
    return MB_OK;
}

void mb_sys_list_free(char **names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(names[i]);
    free(names);
}
