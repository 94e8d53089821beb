/**
 * digest.h - SHA-256 through OpenSSL, which is loaded by the first call (MB_ENOTSUP where it is missing): of configurations, model files, data sets. Hex is 64 lower-case digits plus NUL.
 */
#ifndef MB_BASE_DIGEST_H
#define MB_BASE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define MB_DIGEST_HEX 65

int mb_digest_bytes(const void *bytes, size_t n_bytes, char hex[MB_DIGEST_HEX], struct mb_error *err) MB_MUST_CHECK;

/** mb_digest_file() - of a file's content, read in pieces. @n_bytes (may be NULL) receives its size. */
int mb_digest_file(const char *path, char hex[MB_DIGEST_HEX], uint64_t *n_bytes, struct mb_error *err) MB_MUST_CHECK;

#endif
