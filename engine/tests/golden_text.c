/* golden_text.c - see golden_text.h. */
#include "golden_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scratch_dir.h"

json_t *golden_text_load(const char *name)
{
    char path[SCRATCH_PATH];
    json_error_t why;
    if (!test_data_path(path, name)) {
        print_message("skipped: no %s\n", path);
        return NULL;
    }
    json_t *json = json_load_file(path, JSON_ALLOW_NUL, &why);
    if (!json)
        fail_msg("%s: %s", path, why.text);
    return json;
}

static int32_t *tokenize(const struct eng_model *m, const char *text, size_t n_bytes, unsigned flags, size_t *n)
{
    struct eng_error err = {0};
    int32_t *ids = malloc((n_bytes + 2) * sizeof(*ids));
    assert_non_null(ids);
    if (eng_tokenize(m, text, n_bytes, flags, ids, n_bytes + 2, n, &err) != ENG_OK)
        fail_msg("%s", err.text);
    return ids;
}

static bool same(const int32_t *ids, size_t n, const json_t *want)
{
    if (n != json_array_size(want))
        return false;
    for (size_t i = 0; i < n; i++)
        if (ids[i] != json_integer_value(json_array_get(want, i)))
            return false;
    return true;
}

bool golden_text_same_ids(const struct eng_model *m, const char *text, size_t n_bytes, unsigned flags, const json_t *want)
{
    size_t n;
    int32_t *ids = tokenize(m, text, n_bytes, flags, &n);
    const bool equal = same(ids, n, want);
    free(ids);
    return equal;
}

void golden_text_check_ids(const struct eng_model *m, const char *text, size_t n_bytes, unsigned flags, const json_t *want)
{
    size_t n;
    int32_t *ids = tokenize(m, text, n_bytes, flags, &n);
    if (!same(ids, n, want)) {
        char *dump = json_dumps(want, JSON_COMPACT);
        print_error("'%.200s' (flags %u)\n  want %.600s\n  got ", text, flags, dump);
        for (size_t i = 0; i < n && i < 60; i++)
            print_error(" %d", ids[i]);
        print_error("\n");
        fail_msg("ids differ");
    }
    free(ids);
}

/* Id by id, as a text is shown while it is generated: the bytes of the whole. */
static void check_bytes_in_turn(const struct eng_model *m, const int32_t *id, size_t n, const char *want, size_t n_want)
{
    struct eng_error err = {0};
    char *text = malloc(n_want + 1);
    size_t n_all = 0;
    assert_non_null(text);
    for (size_t i = 0; i < n; i++) {
        size_t n_piece;
        if (eng_detokenize(m, id + i, 1, ENG_DETOKENIZE_SPECIAL, text + n_all, n_want + 1 - n_all, &n_piece, &err) != ENG_OK)
            fail_msg("%s, id %zu: %s", want, i, err.text);
        n_all += n_piece;
    }
    if (n_all != n_want || memcmp(text, want, n_want) != 0)
        fail_msg("want '%.*s', id by id it is '%.*s'", (int)n_want, want, (int)n_all, text);
    free(text);
}

void golden_text_check_bytes(const struct eng_model *m, const json_t *ids, unsigned flags, const char *want, size_t n_want)
{
    struct eng_error err = {0};
    size_t n = json_array_size(ids), n_bytes;
    int32_t *id = malloc((n + 1) * sizeof(*id));
    char *text = malloc(n_want + 2);
    for (size_t i = 0; i < n; i++)
        id[i] = (int32_t)json_integer_value(json_array_get(ids, i));
    if (eng_detokenize(m, id, n, flags, text, n_want + 1, &n_bytes, &err) != ENG_OK)
        fail_msg("%s: %s", want, err.text);
    if (n_bytes != n_want || memcmp(text, want, n_want) != 0)
        fail_msg("want '%.*s', got '%.*s'", (int)n_want, want, (int)n_bytes, text);
    if (flags == ENG_DETOKENIZE_SPECIAL)
        check_bytes_in_turn(m, id, n, want, n_want);
    free(text);
    free(id);
}

char *golden_text_from_hex(const char *hex, size_t *n_bytes)
{
    *n_bytes = strlen(hex) / 2;
    char *bytes = malloc(*n_bytes + 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < *n_bytes; i++) {
        unsigned byte = 0;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        bytes[i] = (char)byte;
    }
    bytes[*n_bytes] = '\0';
    return bytes;
}
