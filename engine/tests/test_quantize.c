/* Whole files through eng/quantize.h: what is kept, what is converted, what is refused, and that no failure leaves half a file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "eng/quantize.h"
#include "gguf_build.h"
#include "model/gguf.h"
#include "quantize/convert.h"
#include "scratch_dir.h"

static char dir[SCRATCH_PATH], in[SCRATCH_PATH], out[SCRATCH_PATH];

static int make_dir(void **state)
{
    (void)state;
    scratch_dir_make(dir);
    scratch_path(in, dir, "in.gguf");
    scratch_path(out, dir, "out.gguf");
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    scratch_dir_remove(dir);
    return 0;
}

static size_t files_in_dir(void)
{
    size_t n = 0;
    DIR *d = opendir(dir);
    while (readdir(d))
        n++;
    closedir(d);
    return n - 2; /* . and .. */
}

/* ---- faults of the system: armed by a test, else everything passes ---- */

static struct faults {
    int64_t write_bytes; /* so many are written, then the disk is full; -1: never */
    int fallocate, fsync, rename;
} faults = {.write_bytes = -1};

ssize_t __real_write(int fd, const void *bytes, size_t n);
ssize_t __wrap_write(int fd, const void *bytes, size_t n);
ssize_t __wrap_write(int fd, const void *bytes, size_t n)
{
    if (faults.write_bytes < 0)
        return __real_write(fd, bytes, n);
    if (faults.write_bytes == 0) {
        errno = ENOSPC;
        return -1;
    }
    const size_t now = n < (size_t)faults.write_bytes ? n : (size_t)faults.write_bytes;
    faults.write_bytes -= (int64_t)now;
    return __real_write(fd, bytes, now);
}

static int fault(int *armed)
{
    if (!*armed)
        return 0;
    errno = *armed;
    *armed = 0;
    return -1;
}

int __wrap_fallocate64(int fd, int mode, off_t offset, off_t n);
int __wrap_fallocate64(int fd, int mode, off_t offset, off_t n)
{
    (void)fd, (void)mode, (void)offset, (void)n;
    return fault(&faults.fallocate);
}

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    return fault(&faults.fsync) ? -1 : __real_fsync(fd);
}

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to)
{
    return fault(&faults.rename) ? -1 : __real_rename(from, to);
}

/* ---- helpers ---- */

static struct eng_quantize *open_params(const struct eng_quantize_params *params)
{
    struct eng_quantize *q;
    struct eng_error err;
    if (eng_quantize_open(&q, in, params, &err) != ENG_OK)
        fail_msg("%s", err.text);
    return q;
}

static struct eng_quantize *open_as(const char *type)
{
    return open_params(&(struct eng_quantize_params){.type = type});
}

static void write_ok(struct eng_quantize *q, uint32_t n_threads)
{
    struct eng_error err;
    if (eng_quantize_write(q, out, &(struct eng_quantize_run){.n_threads = n_threads}, &err) != ENG_OK)
        fail_msg("%s", err.text);
    eng_quantize_close(q);
}

static void refused(int code, const char *says, const struct eng_quantize_params *params)
{
    struct eng_quantize *q;
    struct eng_error err = {0};
    assert_int_equal(eng_quantize_open(&q, in, params, &err), code);
    assert_null(q);
    if (!strstr(err.text, says))
        fail_msg("says: %s", err.text);
}

static const struct eng_quantize_row *row_of(const struct eng_quantize *q, const char *name)
{
    const struct eng_quantize_row *row;
    for (size_t i = 0; (row = eng_quantize_row(q, i)) != NULL; i++)
        if (strcmp(row->name, name) == 0)
            return row;
    fail_msg("no tensor %s", name);
    return NULL;
}

struct file { char *bytes; size_t n; struct eng_gguf gguf; };

static void read_file(struct file *f, const char *path)
{
    struct eng_error err;
    f->bytes = scratch_read(path, &f->n);
    assert_non_null(f->bytes);
    if (eng_gguf_parse(&f->gguf, path, f->bytes, f->n, &err) != ENG_OK)
        fail_msg("%s", err.text);
}

static void release_file(struct file *f)
{
    eng_gguf_release(&f->gguf);
    free(f->bytes);
}

static void write_and_free(struct gguf_build *b)
{
    gguf_build_write(b, in);
    gguf_build_free(b);
}

/* A file of an architecture and a tokenizer that nobody knows, with every kind of key; no file_type. @filler: bytes of one more key. */
static struct gguf_build *strange_file(size_t filler)
{
    static const char *const words[] = {"a", "", "\xff\xfe not utf-8", "\xe2\x96\x81z"};
    static const int32_t numbers[] = {1, -2, 3};
    const double wide = 0.1;
    const int8_t small = -7;
    char text[128];
    memset(text, 'x', filler);
    text[filler] = 0;
    struct gguf_build *b = gguf_build_new();
    gguf_build_str(b, "general.architecture", "frobnicate");
    gguf_build_u32(b, "general.quantization_version", 1);
    gguf_build_strs(b, "tokenizer.ggml.tokens", words, 4);
    gguf_build_str(b, "tokenizer.ggml.model", "runes");
    gguf_build_i32s(b, "frobnicate.attention.head_count_kv", numbers, 3);
    gguf_build_raw(b, "frobnicate.wide", ENG_GGUF_F64, &wide, sizeof wide);
    gguf_build_raw(b, "frobnicate.small", ENG_GGUF_I8, &small, 1);
    gguf_build_u32(b, "general.alignment", 64);
    gguf_build_bool(b, "frobnicate.last", true);
    gguf_build_str(b, "frobnicate.filler", text);
    gguf_build_random(b, "zeta.weight", ENG_TYPE_F32, 4, 64, 0.0f, 1.0f);
    gguf_build_random(b, "alpha.weight", ENG_TYPE_F16, 6, 64, 0.0f, 1.0f);
    gguf_build_random(b, "alpha_norm.weight", ENG_TYPE_F32, 0, 64, 1.0f, 0.1f);
    const int32_t table[64] = {1, 2, 3};
    gguf_build_tensor(b, "routing.weight", 26, 2, (uint64_t[]){16, 4}, table, sizeof table);
    return b;
}

/* ---- tests ---- */

static bool same_value(const struct eng_gguf *a, const struct eng_gguf *b, uint64_t i)
{
    const uint8_t *x = (const uint8_t *)a->kv[i].key.data, *y = (const uint8_t *)b->kv[i].key.data;
    const uint8_t *end = i + 1 < a->n_kv ? (const uint8_t *)a->kv[i + 1].key.data - 8 : a->bytes + a->tensors[0].info_offset;
    return memcmp(x, y, (size_t)(end - x)) == 0;
}

static void keys_order_and_alignment_are_kept_byte_for_byte(void **state)
{
    size_t n_bytes = 1, filler = 0;
    struct gguf_build *b = NULL;
    struct file from, to;
    uint32_t value = 0;
    (void)state;
    for (; filler < 64; filler++) { /* the builder pads to 32: until the data begins at a multiple of 64 */
        b = strange_file(filler);
        (void)gguf_build_bytes(b, &n_bytes);
        if ((n_bytes - (4 * 64 * 4 + 6 * 64 * 2 + 64 * 4 + 64 * 4)) % 64 == 0)
            break;
        gguf_build_free(b);
    }
    write_and_free(b);
    write_ok(open_as("Q8_0"), 1);
    read_file(&from, in);
    read_file(&to, out);
    assert_int_equal(to.gguf.version, 3);
    assert_int_equal(to.gguf.alignment, 64);
    assert_int_equal(to.gguf.n_kv, from.gguf.n_kv + 1);
    for (uint64_t i = 0; i < from.gguf.n_kv; i++)
        assert_true(i == 1 || same_value(&from.gguf, &to.gguf, i));
    assert_int_equal(eng_gguf_get_u32(&to.gguf, "general.quantization_version", true, &value, NULL), ENG_OK);
    assert_int_equal(value, 2);
    assert_int_equal(eng_gguf_get_u32(&to.gguf, "general.file_type", true, &value, NULL), ENG_OK);
    assert_int_equal(value, 7);
    static const uint32_t types[] = {ENG_TYPE_Q8_0, ENG_TYPE_Q8_0, ENG_TYPE_F32, 26};
    for (uint64_t i = 0; i < 4; i++) {
        const struct eng_gguf_tensor *s = &from.gguf.tensors[i], *t = &to.gguf.tensors[i];
        assert_int_equal(t->type, types[i]);
        assert_int_equal(s->name.n, t->name.n);
        assert_memory_equal(s->name.data, t->name.data, t->name.n);
        assert_memory_equal(s->ne, t->ne, sizeof s->ne);
        assert_int_equal(s->n_dims, t->n_dims);
        if (s->type == t->type)
            assert_memory_equal(s->data, t->data, s->n_bytes);
    }
    release_file(&from);
    release_file(&to);
}

/* Every format that this build writes, from floats: each matrix is encode(decode()) of its row, whoever computes it. */
static void every_format_holds_what_its_encoder_makes(void **state)
{
    struct eng_quantize_format format;
    float x[512];
    uint8_t expected[2048];
    (void)state;
    struct gguf_build *b = gguf_build_new();
    gguf_build_random(b, "blk.0.ffn_up.weight", ENG_TYPE_F16, 3, 512, 0.0f, 1.0f);
    write_and_free(b);
    size_t n = 0;
    for (; eng_quantize_format(n, &format); n++) {
        struct file from, to;
        struct eng_quantize *q = open_as(format.name);
        assert_true(format.base_bits > 1.0 && format.base_bits <= 32.0);
        const uint64_t n_bytes = eng_quantize_totals(q)->to_bytes, n_file = eng_quantize_totals(q)->to_file_bytes;
        write_ok(q, 2);
        read_file(&from, in);
        read_file(&to, out);
        const struct eng_gguf_tensor *s = &from.gguf.tensors[0], *t = &to.gguf.tensors[0];
        const struct eng_type_traits *traits = eng_type_traits(t->type);
        const size_t row_bytes = eng_type_row_bytes(traits, 512);
        assert_int_equal(t->n_bytes, n_bytes);
        assert_int_equal(to.n, n_file);
        for (size_t r = 0; r < 3; r++) {
            eng_type_traits(ENG_TYPE_F16)->decode(s->data + r * 1024, x, 512);
            traits->encode(x, expected, 512);
            assert_memory_equal(t->data + r * row_bytes, expected, row_bytes);
        }
        release_file(&from);
        release_file(&to);
    }
    assert_true(n > 5);
}

static void threads_change_nothing(void **state)
{
    struct file one, many;
    (void)state;
    struct gguf_build *b = gguf_build_new();
    gguf_build_random(b, "blk.0.ffn_up.weight", ENG_TYPE_F16, 2100, 1024, 0.0f, 1.0f); /* more than one piece, the last one short */
    gguf_build_random(b, "blk.1.ffn_up.weight", ENG_TYPE_F32, 33, 96, 0.0f, 1.0f);
    assert_true(2100 * 1024 > ENG_CONVERT_MAX);
    write_and_free(b);
    write_ok(open_as("q4_0"), 1);
    read_file(&one, out);
    write_ok(open_as("q4_0"), 3);
    read_file(&many, out);
    assert_int_equal(one.n, many.n);
    assert_memory_equal(one.bytes, many.bytes, one.n);
    release_file(&one);
    release_file(&many);
}

static void a_quantized_model_runs_like_one_quantized_at_load(void **state)
{
    (void)state;
    struct gguf_build *b = gguf_build_new();
    struct eng_model *loaded, *file;
    struct eng_session *s;
    struct eng_error err;
    float at_load[GGUF_TINY_VOCAB];
    const int32_t ids[] = {5, 77, 130, 9};
    gguf_build_llama(b, &(struct gguf_tiny){.untied = true});
    write_and_free(b);
    write_ok(open_as("q4_0"), 1);
    assert_int_equal(eng_model_open(&loaded, in, &(struct eng_model_params){.quant = "q4_0"}, &err), ENG_OK);
    assert_int_equal(eng_model_open(&file, out, NULL, &err), ENG_OK);
    assert_int_equal(eng_model_info(loaded)->weight_bytes, eng_model_info(file)->weight_bytes);
    assert_int_equal(eng_session_open(&s, loaded, NULL, &err), ENG_OK);
    assert_int_equal(eng_eval(s, ids, 4, NULL, &err), ENG_OK);
    memcpy(at_load, eng_logits(s), sizeof at_load);
    eng_session_close(s);
    assert_int_equal(eng_session_open(&s, file, NULL, &err), ENG_OK);
    assert_int_equal(eng_eval(s, ids, 4, NULL, &err), ENG_OK);
    assert_memory_equal(at_load, eng_logits(s), sizeof at_load);
    eng_session_close(s);
    eng_model_close(loaded);
    eng_model_close(file);
}

static void types_can_be_asked_for_by_tensor(void **state)
{
    static const struct eng_quantize_override overrides[] = {{"blk.1.attn_?.weight", "F16"}, {"*attn_v*", "q4_1"}, {"output.*", "q4_1"}};
    (void)state;
    struct gguf_build *b = gguf_build_new();
    gguf_build_llama(b, &(struct gguf_tiny){.untied = true, .d_ff = 90});
    write_and_free(b);
    struct eng_quantize *q = open_params(&(struct eng_quantize_params){.type = "q8_0", .overrides = overrides, .n_overrides = 3,
                                                                       .output_type = "f32", .embedding_type = "q4_0"});
    assert_string_equal(row_of(q, "blk.1.attn_v.weight")->to, "f16"); /* the first match */
    assert_string_equal(row_of(q, "blk.0.attn_v.weight")->to, "q4_1");
    assert_int_equal(row_of(q, "blk.0.attn_v.weight")->why, ENG_QUANTIZE_OVERRIDE);
    assert_string_equal(row_of(q, "blk.0.attn_q.weight")->to, "q8_0");
    assert_int_equal(row_of(q, "blk.0.attn_q.weight")->why, ENG_QUANTIZE_BASE);
    assert_string_equal(row_of(q, "output.weight")->to, "q4_1"); /* a pattern is more than --output-type */
    assert_string_equal(row_of(q, "token_embd.weight")->to, "q4_0");
    assert_string_equal(row_of(q, "blk.0.ffn_down.weight")->to, "f16"); /* 90 columns */
    assert_string_equal(row_of(q, "blk.0.ffn_down.weight")->wanted, "q8_0");
    assert_int_equal(row_of(q, "blk.0.ffn_down.weight")->why, ENG_QUANTIZE_FALLBACK);
    assert_string_equal(row_of(q, "blk.0.attn_norm.weight")->to, "f32");
    assert_int_equal(row_of(q, "blk.0.attn_norm.weight")->why, ENG_QUANTIZE_KEPT);
    eng_quantize_close(q);
    q = open_params(&(struct eng_quantize_params){.type = "q4_0", .pure = true});
    assert_string_equal(row_of(q, "output.weight")->to, "q4_0");
    eng_quantize_close(q);
    q = open_as("q4_0");
    assert_string_equal(row_of(q, "output.weight")->to, "q8_0");
    eng_quantize_close(q);
}

static void what_cannot_be_done_is_said_by_name(void **state)
{
    static const struct eng_quantize_override bad_type[] = {{"*", "q4_9"}}, unused[] = {{"*attn_norm*", "q8_0"}};
    struct eng_quantize *q;
    struct eng_error err;
    (void)state;
    write_and_free(strange_file(0));
    refused(ENG_EINVAL, "q8_0", &(struct eng_quantize_params){.type = "q8_00"});
    refused(ENG_EINVAL, "unknown format ''", &(struct eng_quantize_params){.type = ""});
    refused(ENG_EINVAL, "no format", &(struct eng_quantize_params){0});
    refused(ENG_EINVAL, "unknown type 'q4_9'", &(struct eng_quantize_params){.type = "q8_0", .overrides = bad_type, .n_overrides = 1});
    refused(ENG_EINVAL, "unknown type 'int8'", &(struct eng_quantize_params){.type = "q8_0", .output_type = "int8"});
    refused(ENG_EINVAL, "unknown type 'int8'", &(struct eng_quantize_params){.type = "q8_0", .embedding_type = "int8"});
    struct gguf_build *b = gguf_build_new();
    gguf_build_llama(b, &(struct gguf_tiny){0});
    write_and_free(b);
    refused(ENG_EINVAL, "'*attn_norm*' matches no matrix", &(struct eng_quantize_params){.type = "q8_0", .overrides = unused, .n_overrides = 1});
    b = gguf_build_new();
    gguf_build_str(b, "general.architecture", "llama");
    gguf_build_raw(b, "split.count", ENG_GGUF_U16, "\x03", 2);
    gguf_build_random(b, "blk.0.ffn_up.weight", ENG_TYPE_F16, 3, 32, 0.0f, 1.0f);
    write_and_free(b);
    refused(ENG_ENOTSUP, "one of 3 parts", &(struct eng_quantize_params){.type = "q8_0"});
    b = gguf_build_new();
    gguf_build_str(b, "general.architecture", "llama");
    write_and_free(b);
    refused(ENG_EFORMAT, "no tensor", &(struct eng_quantize_params){.type = "q8_0"});
    scratch_write(in, "GGUF", 4);
    refused(ENG_EFORMAT, "in.gguf", &(struct eng_quantize_params){.type = "q8_0"});
    unlink(in);
    assert_int_equal(eng_quantize_open(&q, in, &(struct eng_quantize_params){.type = "q8_0"}, &err), ENG_EIO);
}

static void tiny_input(void)
{
    struct gguf_build *b = gguf_build_new();
    gguf_build_llama(b, &(struct gguf_tiny){0});
    write_and_free(b);
}

static int write_to(const char *path, struct eng_error *err)
{
    struct eng_quantize *q = open_as("q8_0");
    const int rc = eng_quantize_write(q, path, NULL, err);
    eng_quantize_close(q);
    return rc;
}

static void the_input_is_never_the_output(void **state)
{
    char link_path[SCRATCH_PATH];
    struct eng_error err;
    size_t n, n_after;
    (void)state;
    tiny_input();
    char *before = scratch_read(in, &n);
    static const char *const names[] = {"hard", "soft"};
    scratch_path(link_path, dir, names[0]);
    assert_int_equal(link(in, link_path), 0);
    assert_int_equal(write_to(in, &err), ENG_EINVAL);
    assert_non_null(strstr(err.text, "is the input itself"));
    assert_int_equal(write_to(link_path, &err), ENG_EINVAL);
    scratch_path(link_path, dir, names[1]);
    assert_int_equal(symlink(in, link_path), 0);
    assert_int_equal(write_to(link_path, &err), ENG_EINVAL);
    char *after = scratch_read(in, &n_after);
    assert_int_equal(n, n_after);
    assert_memory_equal(before, after, n);
    free(before);
    free(after);
    assert_int_equal(files_in_dir(), 3);
}

static void places_that_take_no_file_are_refused(void **state)
{
    char path[SCRATCH_PATH];
    struct eng_error err;
    (void)state;
    tiny_input();
    assert_int_equal(write_to(dir, &err), ENG_EINVAL);
    assert_non_null(strstr(err.text, "is a folder"));
    assert_int_equal(write_to("/dev/null", &err), ENG_EINVAL);
    assert_int_equal(write_to("", &err), ENG_EINVAL);
    scratch_path(path, dir, "missing/out.gguf");
    assert_int_equal(write_to(path, &err), ENG_EIO);
    assert_non_null(strstr(err.text, "No such file"));
    assert_int_equal(files_in_dir(), 1);
}

/* A failure at any place leaves what stood at the path, and no other file. */
static void a_failed_write_changes_nothing(void **state)
{
    static const struct { struct faults faults; const char *says; } cases[] = {
        {{.write_bytes = 0}, "No space left"}, {{.write_bytes = 100}, "No space left"}, {{.write_bytes = 30000}, "No space left"},
        {{.write_bytes = -1, .fallocate = ENOSPC}, "MiB are needed: No space left"},
        {{.write_bytes = -1, .fsync = EIO}, "Input/output error"}, {{.write_bytes = -1, .rename = EACCES}, "Permission denied"},
    };
    struct eng_error err;
    (void)state;
    tiny_input();
    scratch_write(out, "old", 3);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        faults = cases[i].faults;
        const int rc = write_to(out, &err);
        faults = (struct faults){.write_bytes = -1};
        assert_int_equal(rc, ENG_EIO);
        if (!strstr(err.text, cases[i].says) || !strstr(err.text, "out.gguf"))
            fail_msg("case %zu says: %s", i, err.text);
        size_t n;
        char *old = scratch_read(out, &n);
        assert_string_equal(old, "old");
        free(old);
        assert_int_equal(files_in_dir(), 2);
    }
    faults = (struct faults){.write_bytes = -1, .fallocate = EOPNOTSUPP}; /* a file system that cannot reserve still takes the file */
    assert_int_equal(write_to(out, &err), ENG_OK);
    struct file f;
    read_file(&f, out);
    release_file(&f);
    assert_int_equal(files_in_dir(), 2);
}

struct stop { size_t calls, after; bool kill; };

static bool stop_after(void *user, const struct eng_quantize_progress *at)
{
    struct stop *s = user;
    assert_true(at->i_tensor < at->n_tensors && at->row && at->done_weights <= at->n_weights);
    if (++s->calls <= s->after)
        return true;
    if (s->kill)
        raise(SIGKILL);
    return false;
}

static void stopping_changes_nothing(void **state)
{
    struct stop stop = {.after = 2};
    struct eng_error err;
    (void)state;
    tiny_input();
    struct eng_quantize *q = open_as("q8_0");
    assert_int_equal(eng_quantize_write(q, out, &(struct eng_quantize_run){.progress = stop_after, .user = &stop}, &err), ENG_ECANCELED);
    assert_int_equal(stop.calls, 3);
    assert_int_equal(files_in_dir(), 1);
    eng_quantize_close(q);
}

static void a_kill_leaves_no_half_file(void **state)
{
    (void)state;
    tiny_input();
    scratch_write(out, "old", 3);
    const pid_t child = fork();
    if (child == 0) {
        struct stop stop = {.after = 3, .kill = true};
        struct eng_quantize *q;
        if (eng_quantize_open(&q, in, &(struct eng_quantize_params){.type = "q8_0"}, NULL) == ENG_OK)
            (void)!eng_quantize_write(q, out, &(struct eng_quantize_run){.progress = stop_after, .user = &stop}, NULL);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    size_t n;
    char *old = scratch_read(out, &n);
    assert_string_equal(old, "old");
    free(old);
    write_ok(open_as("q8_0"), 1); /* and the next attempt works */
    struct file f;
    read_file(&f, out);
    release_file(&f);
}

static void bad_weights_are_named(void **state)
{
    static const struct { float value; const char *type, *says; } cases[] = {
        {NAN, "q8_0", "'blk.0.ffn_up.weight', row 5, column 40 is not a number"},
        {INFINITY, "f16", "row 5, column 40 is infinite"},
        {-INFINITY, "q4_0", "row 5, column 40 is infinite"},
        {70000.0f, "f16", "row 5, column 40: 70000 is beyond what f16 can hold"},
        {1e12f, "q4_1", "is beyond what q4_1 can hold"},
    };
    static float x[8 * 64];
    struct eng_error err = {0};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gguf_build *b = gguf_build_new();
        x[5 * 64 + 40] = cases[i].value;
        gguf_build_tensor(b, "blk.0.ffn_up.weight", ENG_TYPE_F32, 2, (uint64_t[]){64, 8}, x, sizeof x);
        write_and_free(b);
        struct eng_quantize *q = open_as(cases[i].type);
        assert_int_equal(eng_quantize_write(q, out, NULL, &err), ENG_EFORMAT);
        if (!strstr(err.text, cases[i].says))
            fail_msg("case %zu says: %s", i, err.text);
        eng_quantize_close(q);
        assert_int_equal(files_in_dir(), 1);
    }
    x[5 * 64 + 40] = 65504.0f; /* the largest half is a number like any other */
    struct gguf_build *b = gguf_build_new();
    gguf_build_tensor(b, "blk.0.ffn_up.weight", ENG_TYPE_F32, 2, (uint64_t[]){64, 8}, x, sizeof x);
    write_and_free(b);
    write_ok(open_as("f16"), 1);
}

/* The list of formats and the registry of types are two tables: every type that can be written is the base of a format. */
static void every_writable_type_is_a_format(void **state)
{
    (void)state;
    for (uint32_t id = 0; id < ENG_TYPE_LIMIT; id++) {
        const struct eng_type_traits *traits = eng_type_traits(id);
        struct eng_quantize_format format;
        bool found = false;
        for (size_t i = 0; eng_quantize_format(i, &format) && !found; i++)
            found = traits && strcmp(format.base, traits->name) == 0;
        if (found != (traits && traits->encode))
            fail_msg("type %s (%u)", traits ? traits->name : "?", id);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)
    const struct CMUnitTest tests[] = {
        T(keys_order_and_alignment_are_kept_byte_for_byte), T(every_format_holds_what_its_encoder_makes), T(threads_change_nothing),
        T(a_quantized_model_runs_like_one_quantized_at_load), T(types_can_be_asked_for_by_tensor), T(what_cannot_be_done_is_said_by_name),
        T(the_input_is_never_the_output), T(places_that_take_no_file_are_refused), T(a_failed_write_changes_nothing),
        T(stopping_changes_nothing), T(a_kill_leaves_no_half_file), T(bad_weights_are_named), T(every_writable_type_is_a_format),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
