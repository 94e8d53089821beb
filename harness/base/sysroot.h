/**
 * sysroot.h - every read of /sys and /proc goes through here, so that a test can put a fake tree in front (`root`).
 * root "" is the real machine; root "/tmp/fake" reads "/tmp/fake/sys/...". Paths are given absolute.
 */
#ifndef MB_BASE_SYSROOT_H
#define MB_BASE_SYSROOT_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/** mb_sys_open() - open for repeated mb_sys_pread_*; returns fd >= 0 or a negative MB_E* with the path and the cause. */
int mb_sys_open(const char *root, const char *path, struct mb_error *err) MB_MUST_CHECK;

/** mb_sys_open_write() - the same for an attribute that takes commands (/proc/PID/clear_refs); write with pwrite(fd, ..., 0). */
int mb_sys_open_write(const char *root, const char *path, struct mb_error *err) MB_MUST_CHECK;

/** mb_sys_pread_text() - re-read an open attribute from offset 0 into buf[cap] (NUL-terminated, trailing newline cut).
 *  Returns length >= 0 or negative MB_EIO. No allocation: fit for the sampler thread. */
int mb_sys_pread_text(int fd, char *buf, size_t cap);

/** mb_sys_pread_i64() - as above, parsed as one decimal integer; MB_EIO or MB_EFORMAT on failure. */
int mb_sys_pread_i64(int fd, int64_t *value) MB_MUST_CHECK;

/** mb_sys_read_text() / mb_sys_read_i64() - open, read once, close. @err may be NULL. */
int mb_sys_read_text(const char *root, const char *path, char *buf, size_t cap, struct mb_error *err) MB_MUST_CHECK;
int mb_sys_read_i64(const char *root, const char *path, int64_t *value, struct mb_error *err) MB_MUST_CHECK;

/** mb_sys_write_text() - give an attribute a value, as `echo VALUE > FILE` does; it must exist. */
int mb_sys_write_text(const char *root, const char *path, const char *text, struct mb_error *err) MB_MUST_CHECK;

/** mb_sys_list() - names in a directory that start with @prefix, sorted naturally (zone2 before zone10).
 *  *names is an array of *n strings, freed with mb_sys_list_free(). A missing directory is MB_ENOENT. */
int mb_sys_list(const char *root, const char *dir, const char *prefix, char ***names, size_t *n, struct mb_error *err) MB_MUST_CHECK;
void mb_sys_list_free(char **names, size_t n);

#endif
