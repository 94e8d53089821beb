/* digest.c - see digest.h. */
#include "base/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <unistd.h>

enum { PIECE_BYTES = 1 << 20 };

static void to_hex(const unsigned char *raw, size_t n, char *hex)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        hex[2 * i] = digits[raw[i] >> 4];
        hex[2 * i + 1] = digits[raw[i] & 15];
    }
    hex[2 * n] = '\0';
}

int mb_digest_bytes(const void *bytes, size_t n_bytes, char hex[MB_DIGEST_HEX], struct mb_error *err)
{
    unsigned char raw[32];
    unsigned n_raw = 0;
    if (!EVP_Digest(bytes, n_bytes, raw, &n_raw, EVP_sha256(), NULL))
        return mb_fail(err, MB_ENOMEM, "SHA-256 is not available in this OpenSSL");
    to_hex(raw, sizeof(raw), hex);
    return MB_OK;
}

int mb_digest_file(const char *path, char hex[MB_DIGEST_HEX], uint64_t *n_bytes, struct mb_error *err)
{
    int rc = MB_OK;
    unsigned char raw[32];
    unsigned n_raw = 0;
    uint64_t total = 0;
    unsigned char *piece = malloc(PIECE_BYTES);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        rc = mb_fail_errno(err, MB_ENOENT, "%s", path);
        goto out;
    }
    if (!piece || !ctx || !EVP_DigestInit_ex(ctx, EVP_sha256(), NULL)) {
        rc = mb_fail(err, MB_ENOMEM, "%s: no memory for SHA-256", path);
        goto out;
    }
    for (;;) {
        const ssize_t n = read(fd, piece, PIECE_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            rc = mb_fail_errno(err, MB_EIO, "%s", path);
            goto out;
        }
        if (n == 0)
            break;
        EVP_DigestUpdate(ctx, piece, (size_t)n);
        total += (uint64_t)n;
    }
    EVP_DigestFinal_ex(ctx, raw, &n_raw);
    to_hex(raw, sizeof(raw), hex);
    if (n_bytes)
        *n_bytes = total;
out:
    if (fd >= 0)
        close(fd);
    EVP_MD_CTX_free(ctx);
    free(piece);
    return rc;
}
