/* golden_data.c - see golden_data.h. Zip: APPNOTE.TXT 4.3.7 and 4.3.12; .npy: numpy.lib.format version 1. Little-endian hosts only. */
#include "golden_data.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

static void fail(const char *what, const char *path)
{
    fprintf(stderr, "golden data: %s: %s\n", what, path);
    abort();
}

bool golden_path(char path[GOLDEN_PATH], const char *below)
{
    const char *root = getenv("MELTBENCH_TEST_DATA");
    static const char *const places[] = {MB_SOURCE_DIR "/../shared/data", MB_SOURCE_DIR "/../../shared/data"};
    for (size_t i = 0; i < 2; i++) { /* the second: the engine configured alone */
        snprintf(path, GOLDEN_PATH, "%s/%s", root ? root : places[i], below);
        if (access(path, R_OK) == 0)
            return true;
    }
    return false;
}

bool golden_default_model(char path[GOLDEN_PATH])
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    snprintf(path, GOLDEN_PATH, "%s%s/meltbench/SmolLM2-135M-Instruct.Q4_1.gguf", cache ? cache : home ? home : "", cache ? "" : "/.cache");
    return access(path, R_OK) == 0;
}

json_t *golden_json(const char *below)
{
    char path[GOLDEN_PATH];
    json_error_t error;
    if (!golden_path(path, below))
        fail("missing", path);
    json_t *j = json_load_file(path, 0, &error);
    if (!j)
        fail(error.text, path);
    return j;
}

static uint8_t *read_whole(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        fail("cannot open", path);
    fseek(f, 0, SEEK_END);
    *n = (size_t)ftell(f);
    rewind(f);
    uint8_t *bytes = malloc(*n + 1);
    if (!bytes || fread(bytes, 1, *n, f) != *n)
        fail("cannot read", path);
    fclose(f);
    return bytes;
}

static uint32_t u16(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t u32(const uint8_t *p)
{
    return u16(p) | u16(p + 2) << 16;
}

static uint8_t *inflate_member(const uint8_t *from, size_t n_from, size_t n_to)
{
    uint8_t *to = malloc(n_to + 1);
    z_stream z = {.next_in = (Bytef *)(uintptr_t)from, .avail_in = (uInt)n_from, .next_out = to, .avail_out = (uInt)n_to};
    if (!to || inflateInit2(&z, -MAX_WBITS) != Z_OK || inflate(&z, Z_FINISH) != Z_STREAM_END)
        fail("cannot inflate", "zip member");
    inflateEnd(&z);
    return to;
}

/* The member's entry in the central directory at the end of the file, or NULL. */
static const uint8_t *zip_entry(const uint8_t *zip, size_t n_zip, const char *name)
{
    size_t end = n_zip - 22;
    while (end > 0 && u32(zip + end) != 0x06054b50)
        end--;
    const uint8_t *entry = zip + u32(zip + end + 16);
    for (uint32_t i = u16(zip + end + 10); i > 0; i--) {
        const uint32_t n_name = u16(entry + 28);
        if (n_name == strlen(name) && memcmp(entry + 46, name, n_name) == 0)
            return entry;
        entry += 46 + n_name + u16(entry + 30) + u16(entry + 32);
    }
    return NULL;
}

static uint8_t *zip_member(const uint8_t *zip, size_t n_zip, const char *name, size_t *n)
{
    const uint8_t *entry = zip_entry(zip, n_zip, name);
    if (!entry)
        fail("no such member", name);
    const uint8_t *local = zip + u32(entry + 42), *data = local + 30 + u16(local + 26) + u16(local + 28);
    *n = u32(entry + 24);
    if (u16(entry + 10) == 8)
        return inflate_member(data, u32(entry + 20), *n);
    uint8_t *copy = malloc(*n + 1);
    memcpy(copy, data, *n);
    return copy;
}

/* Index of the i-th stored element in C order: that of a matrix stored column by column is another. */
static size_t place(size_t i, bool by_columns, size_t n_rows, size_t n_cols)
{
    return by_columns ? i % n_rows * n_cols + i / n_rows : i;
}

float *golden_npz(const char *below, const char *member, size_t *n)
{
    char path[GOLDEN_PATH], name[128];
    size_t n_zip, n_npy, n_rows = 1, n_cols = 1;
    if (!golden_path(path, below))
        fail("missing", path);
    snprintf(name, sizeof name, "%s.npy", member);
    uint8_t *zip = read_whole(path, &n_zip), *npy = zip_member(zip, n_zip, name, &n_npy);
    char header[512] = {0};
    const size_t at = 10 + u16(npy + 8);
    memcpy(header, npy + 10, u16(npy + 8) < sizeof header - 1 ? u16(npy + 8) : sizeof header - 1);
    const bool is_float = strstr(header, "'<f4'") != NULL, by_columns = strstr(header, "'fortran_order': True") != NULL;
    const char *shape = strstr(header, "'shape': (");
    if (memcmp(npy, "\x93NUMPY\x01", 7) != 0 || !shape || (!is_float && !strstr(header, "'<i4'")) ||
        (by_columns && sscanf(shape, "'shape': (%zu, %zu)", &n_rows, &n_cols) != 2))
        fail(header, path);
    *n = (n_npy - at) / 4;
    float *x = malloc(*n * sizeof *x + 1);
    for (size_t i = 0; i < *n; i++) {
        int32_t id;
        float *to = &x[place(i, by_columns, n_rows, n_cols)];
        memcpy(is_float ? (void *)to : (void *)&id, npy + at + 4 * i, 4);
        if (!is_float)
            *to = (float)id;
    }
    free(zip);
    free(npy);
    return x;
}

bool golden_npz_has(const char *below, const char *member)
{
    char path[GOLDEN_PATH], name[128];
    size_t n_zip;
    if (!golden_path(path, below))
        fail("missing", path);
    snprintf(name, sizeof name, "%s.npy", member);
    uint8_t *zip = read_whole(path, &n_zip);
    const bool has = zip_entry(zip, n_zip, name) != NULL;
    free(zip);
    return has;
}
