/* digest.c - see digest.h. */
#include "base/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/lazy_library.h"

enum { PIECE_BYTES = 1 << 20 };

/* What we use of libcrypto; the same in OpenSSL 1.1 and 3. */
struct crypto {
    const EVP_MD *(*sha256)(void);
    EVP_MD_CTX *(*ctx_new)(void);
    void (*ctx_free)(EVP_MD_CTX *ctx);
    int (*init)(EVP_MD_CTX *ctx, const EVP_MD *type, ENGINE *engine);
    int (*update)(EVP_MD_CTX *ctx, const void *bytes, size_t n_bytes);
    int (*final)(EVP_MD_CTX *ctx, unsigned char *raw, unsigned *n_raw);
};

static int load_crypto(struct crypto *c, struct mb_error *err)
{
    static const char *const files[] = {"libcrypto.so.3", "libcrypto.so.1.1", "libcrypto.so", NULL};
    static const char *const names[] = {"EVP_sha256", "EVP_MD_CTX_new", "EVP_MD_CTX_free", "EVP_DigestInit_ex", "EVP_DigestUpdate", "EVP_DigestFinal_ex"};
    static const struct mb_lazy_library library = {"SHA-256", "libssl3", files, names, sizeof(names) / sizeof(names[0])};
    mb_lazy_function f[sizeof(names) / sizeof(names[0])];
    const int rc = mb_lazy_load(&library, f, err);
    if (rc)
        return rc;
    *c = (struct crypto){(const EVP_MD *(*)(void))f[0], (EVP_MD_CTX *(*)(void))f[1], (void (*)(EVP_MD_CTX *))f[2],
                         (int (*)(EVP_MD_CTX *, const EVP_MD *, ENGINE *))f[3], (int (*)(EVP_MD_CTX *, const void *, size_t))f[4],
                         (int (*)(EVP_MD_CTX *, unsigned char *, unsigned *))f[5]};
    return MB_OK;
}

static void to_hex(const unsigned char *raw, size_t n, char *hex)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        hex[2 * i] = digits[raw[i] >> 4];
        hex[2 * i + 1] = digits[raw[i] & 15];
    }
    hex[2 * n] = '\0';
}

/* A context that has begun; NULL: no memory. */
static EVP_MD_CTX *begin(const struct crypto *c)
{
    EVP_MD_CTX *ctx = c->ctx_new();
    if (ctx && !c->init(ctx, c->sha256(), NULL)) {
        c->ctx_free(ctx);
        ctx = NULL;
    }
    return ctx;
}

static void finish(const struct crypto *c, EVP_MD_CTX *ctx, char hex[MB_DIGEST_HEX])
{
    unsigned char raw[32];
    unsigned n_raw = 0;
    c->final(ctx, raw, &n_raw);
    to_hex(raw, sizeof(raw), hex);
}

int mb_digest_bytes(const void *bytes, size_t n_bytes, char hex[MB_DIGEST_HEX], struct mb_error *err)
{
    struct crypto c;
    const int rc = load_crypto(&c, err);
    if (rc)
        return rc;
    EVP_MD_CTX *ctx = begin(&c);
    if (!ctx)
        return mb_fail(err, MB_ENOMEM, "no memory for SHA-256");
    c.update(ctx, bytes, n_bytes);
    finish(&c, ctx, hex);
    c.ctx_free(ctx);
    return MB_OK;
}

static int read_all(const struct crypto *c, EVP_MD_CTX *ctx, int fd, const char *path, uint64_t *total, struct mb_error *err)
{
    unsigned char *piece = malloc(PIECE_BYTES);
    int rc = piece ? MB_OK : mb_fail(err, MB_ENOMEM, "%s: no memory for SHA-256", path);
    while (!rc) {
        const ssize_t n = read(fd, piece, PIECE_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            rc = mb_fail_errno(err, MB_EIO, "%s", path);
        if (n <= 0)
            break;
        c->update(ctx, piece, (size_t)n);
        *total += (uint64_t)n;
    }
    free(piece);
    return rc;
}

int mb_digest_file(const char *path, char hex[MB_DIGEST_HEX], uint64_t *n_bytes, struct mb_error *err)
{
    struct crypto c;
    uint64_t total = 0;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return mb_fail_errno(err, MB_ENOENT, "%s", path);
    int rc = load_crypto(&c, err);
    EVP_MD_CTX *ctx = rc ? NULL : begin(&c);
    if (!rc && !ctx)
        rc = mb_fail(err, MB_ENOMEM, "%s: no memory for SHA-256", path);
    if (!rc)
        rc = read_all(&c, ctx, fd, path, &total, err);
    if (!rc) {
        finish(&c, ctx, hex);
        if (n_bytes)
            *n_bytes = total;
    }
    if (ctx)
        c.ctx_free(ctx);
    close(fd);
    return rc;
}
