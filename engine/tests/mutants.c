/* mutants.c - see mutants.h. The file goes to the child as a memfd: nothing touches the disk. */
#include "mutants.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "eng/engine.h"
#include "model/gguf.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SHADOW 1 /* the sanitizers reserve terabytes of addresses */
#else
#define HAS_SHADOW 0
#endif

enum { N_TOKENS = 4, N_SPECIAL_VALUES = 8, N_RANDOM_KINDS = 3 };

const char *const mutant_end_names[MUTANT_ENDS] = {"refused", "same", "stopped", "differs", "BAD CONSTANT", "NO MEMORY", "SLOW", "CRASHED"};

static const uint32_t value_bytes[ENG_GGUF_VALUE_N] = {1, 1, 2, 2, 4, 4, 4, 1, 8, 4, 8, 8, 8};

static void add_field(struct mutants *m, const void *at, uint32_t n_bytes, int is_float, const char *what, const struct eng_gguf_str *name)
{
    struct mutant_field *grown = realloc(m->fields, (m->n_fields + 1) * sizeof *grown);
    if (!grown)
        abort();
    m->fields = grown;
    struct mutant_field *f = &m->fields[m->n_fields++];
    *f = (struct mutant_field){.offset = (uint64_t)((const uint8_t *)at - m->bytes), .n_bytes = n_bytes, .is_float = is_float};
    snprintf(f->name, sizeof f->name, "%s %.*s", what, name ? (int)(name->n < 50 ? name->n : 50) : 0, name ? name->data : "");
}

static void add_kv(struct mutants *m, const struct eng_gguf_kv *kv)
{
    const uint8_t *key = (const uint8_t *)kv->key.data;
    add_field(m, key - 8, 8, 0, "length of key", &kv->key);
    add_field(m, key + kv->key.n, 4, 0, "type of", &kv->key);
    if (kv->type == ENG_GGUF_ARRAY) {
        add_field(m, key + kv->key.n + 4, 4, 0, "element type of", &kv->key);
        add_field(m, key + kv->key.n + 8, 8, 0, "count of", &kv->key);
        if (kv->n && kv->elem_type != ENG_GGUF_STRING)
            add_field(m, kv->data, value_bytes[kv->elem_type], kv->elem_type == ENG_GGUF_F32, "first of", &kv->key);
        if (kv->n > 1 && kv->elem_type != ENG_GGUF_STRING)
            add_field(m, kv->data + value_bytes[kv->elem_type] * (kv->n - 1), value_bytes[kv->elem_type], kv->elem_type == ENG_GGUF_F32, "last of", &kv->key);
        return;
    }
    add_field(m, kv->data, value_bytes[kv->type], kv->type == ENG_GGUF_F32 || kv->type == ENG_GGUF_F64, "value of", &kv->key);
}

static void add_tensor(struct mutants *m, const struct eng_gguf_tensor *t)
{
    const uint8_t *at = m->bytes + t->info_offset;
    add_field(m, at, 8, 0, "length of the name of", &t->name);
    at += 8 + t->name.n;
    add_field(m, at, 4, 0, "dimensions of", &t->name);
    for (uint32_t i = 0; i < t->n_dims; i++)
        add_field(m, at + 4 + 8 * (size_t)i, 8, 0, "a size of", &t->name);
    add_field(m, at + 4 + 8 * (size_t)t->n_dims, 4, 0, "type of", &t->name);
    add_field(m, at + 8 + 8 * (size_t)t->n_dims, 8, 0, "offset of", &t->name);
}

int mutants_open(struct mutants *m, const uint8_t *bytes, size_t n_bytes)
{
    struct eng_gguf g;
    struct eng_error err;
    *m = (struct mutants){.bytes = bytes, .n_bytes = n_bytes, .n_header = n_bytes};
    if (eng_gguf_parse(&g, "mutants", bytes, n_bytes, &err) != ENG_OK)
        return 0;
    add_field(m, bytes, 4, 0, "magic", NULL);
    add_field(m, bytes + 4, 4, 0, "version", NULL);
    add_field(m, bytes + 8, 8, 0, "number of tensors", NULL);
    add_field(m, bytes + 16, 8, 0, "number of keys", NULL);
    for (uint64_t i = 0; i < g.n_kv; i++)
        add_kv(m, &g.kv[i]);
    for (uint64_t i = 0; i < g.n_tensors; i++) {
        add_tensor(m, &g.tensors[i]);
        const size_t at = (size_t)eng_gguf_offset(&g, g.tensors[i].data);
        m->n_header = at < m->n_header ? at : m->n_header;
    }
    m->n_special = (uint64_t)m->n_fields * N_SPECIAL_VALUES;
    eng_gguf_release(&g);
    return 1;
}

void mutants_close(struct mutants *m)
{
    free(m->fields);
    *m = (struct mutants){0};
}

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void put_float(const struct mutant_field *f, uint64_t i_value, uint8_t *out, char what[160], int *bad_float)
{
    static const double values[N_SPECIAL_VALUES] = {NAN, INFINITY, -INFINITY, -1.0, -1e-30, 0.0, 1e38, -0.5};
    const double value = values[i_value];
    const float narrow = (float)value;
    if (f->n_bytes == 8)
        memcpy(out + f->offset, &value, 8);
    else
        memcpy(out + f->offset, &narrow, 4);
    *bad_float = !(value >= 0.0 && isfinite(value));
    snprintf(what, 160, "%s = %g", f->name, value);
}

static void put_integer(const struct mutant_field *f, uint64_t i_value, uint8_t *out, char what[160])
{
    uint64_t old = 0;
    memcpy(&old, out + f->offset, f->n_bytes);
    const uint64_t values[N_SPECIAL_VALUES] = {0, 1, UINT64_MAX, (uint64_t)1 << 31, (uint64_t)1 << (8 * f->n_bytes - 1), old + 1, old - 1, old * 2};
    memcpy(out + f->offset, &values[i_value], f->n_bytes);
    snprintf(what, 160, "%s = %llu (%u bytes, was %llu)", f->name, (unsigned long long)values[i_value], f->n_bytes, (unsigned long long)old);
}

size_t mutant_make(const struct mutants *m, uint64_t number, uint8_t *out, char what[160], int *bad_float)
{
    *bad_float = 0;
    memcpy(out, m->bytes, m->n_bytes);
    if (number < m->n_special) {
        const struct mutant_field *f = &m->fields[number / N_SPECIAL_VALUES];
        if (f->is_float)
            put_float(f, number % N_SPECIAL_VALUES, out, what, bad_float);
        else
            put_integer(f, number % N_SPECIAL_VALUES, out, what);
        return m->n_bytes;
    }
    uint64_t rng = number;
    if (number % N_RANDOM_KINDS == 0) {
        const size_t n = (size_t)(next_random(&rng) % m->n_bytes);
        snprintf(what, 160, "cut to %zu bytes", n);
        return n;
    }
    const unsigned n_flips = 1 + (unsigned)(next_random(&rng) % 8);
    for (unsigned i = 0; i < n_flips; i++) {
        const uint64_t r = next_random(&rng);
        out[r % m->n_header] = (uint8_t)(number % N_RANDOM_KINDS == 1 ? r >> 48 : out[r % m->n_header] ^ 1u << (r >> 48 & 7));
    }
    snprintf(what, 160, "%u bytes of the header changed", n_flips);
    return m->n_bytes;
}

/* --- the child ---------------------------------------------------------------------------------------------------- */

struct report { int end; int differs_by_nan; uint64_t hash; char sentence[400]; };

/* FNV-1a over the logits' bits. */
static uint64_t hash_logits(const float *x, size_t n, int *is_finite)
{
    uint64_t h = 1469598103934665603u;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], 4);
        h = (h ^ bits) * 1099511628211u;
        *is_finite &= isfinite(x[i]) != 0;
    }
    return h;
}

static void run_session(struct eng_model *model, struct report *r)
{
    struct eng_session *s = NULL;
    struct eng_error err = {0};
    const struct eng_session_params params = {.n_ctx = 16, .n_batch = 16, .n_threads = 1, .act = "f32", .cache_type_k = "f32", .cache_type_v = "f32"};
    int rc = eng_session_open(&s, model, &params, &err);
    const uint32_t n_vocab = eng_model_info(model)->n_vocab;
    int32_t ids[N_TOKENS];
    for (int i = 0; i < N_TOKENS; i++)
        ids[i] = (int32_t)(((uint32_t)i * 7919u + 5u) % n_vocab);
    if (rc == ENG_OK)
        rc = eng_eval(s, ids, N_TOKENS, NULL, &err);
    r->end = rc == ENG_OK ? MUTANT_SAME : rc == ENG_ENOMEM ? MUTANT_NO_MEMORY : MUTANT_STOPPED;
    r->differs_by_nan = rc == ENG_ENAN;
    int is_finite = 1;
    if (rc == ENG_OK)
        r->hash = hash_logits(eng_logits(s), n_vocab, &is_finite);
    r->differs_by_nan |= !is_finite;
    snprintf(r->sentence, sizeof r->sentence, "%.399s", err.text);
    eng_session_close(s);
}

static void run_child(int fd, size_t n_bytes, struct report *r)
{
    char path[64];
    struct eng_model *model = NULL;
    struct eng_error err = {0};
    const struct rlimit cpu = {10, 11}, no_core = {0, 0};
    setrlimit(RLIMIT_CPU, &cpu);
    setrlimit(RLIMIT_CORE, &no_core);
    if (!HAS_SHADOW) {
        long n_pages = 0;
        FILE *f = fopen("/proc/self/statm", "r");
        if (f && fscanf(f, "%ld", &n_pages) == 1) {
            const rlim_t now = (rlim_t)n_pages * (rlim_t)sysconf(_SC_PAGESIZE), most = now + 2 * n_bytes + ((rlim_t)64 << 20);
            setrlimit(RLIMIT_AS, &(struct rlimit){most, most});
        }
        if (f)
            fclose(f);
    }
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    const int rc = eng_model_open(&model, path, NULL, &err);
    if (rc != ENG_OK) {
        r->end = rc == ENG_ENOMEM ? MUTANT_NO_MEMORY : MUTANT_REFUSED;
        snprintf(r->sentence, sizeof r->sentence, "%.399s", err.text);
    } else {
        run_session(model, r);
    }
    eng_model_close(model);
}

static void run_in_child(const uint8_t *bytes, size_t n_bytes, struct report *shared)
{
    const int fd = memfd_create("mutant", 0);
    *shared = (struct report){.end = MUTANT_CRASHED};
    if (fd < 0 || write(fd, bytes, n_bytes) != (ssize_t)n_bytes)
        abort();
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        run_child(fd, n_bytes, shared);
        _exit(0);
    }
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        abort();
    close(fd);
    if (WIFSIGNALED(status))
        shared->end = WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL ? MUTANT_SLOW : MUTANT_CRASHED;
    else if (WEXITSTATUS(status) != 0)
        shared->end = MUTANT_CRASHED; /* a sanitizer's report */
}

enum mutant_end mutant_try(const struct mutants *m, uint64_t number, char what[160], char sentence[400])
{
    struct report *shared = mmap(NULL, 2 * sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint8_t *bytes = malloc(m->n_bytes);
    int bad_float;
    if (shared == MAP_FAILED || !bytes)
        abort();
    const size_t n = mutant_make(m, number, bytes, what, &bad_float);
    run_in_child(bytes, n, &shared[0]);
    if (shared[0].end == MUTANT_SAME || bad_float) {
        run_in_child(m->bytes, m->n_bytes, &shared[1]); /* the file itself */
        if (shared[0].end == MUTANT_SAME && (shared[1].end != MUTANT_SAME || shared[1].hash != shared[0].hash))
            shared[0].end = bad_float ? MUTANT_BAD_CONSTANT : MUTANT_DIFFERS;
        if (bad_float && shared[0].differs_by_nan && !shared[1].differs_by_nan)
            shared[0].end = MUTANT_BAD_CONSTANT; /* noticed only when the damage was done */
    }
    const enum mutant_end end = (enum mutant_end)shared[0].end;
    snprintf(sentence, 400, "%.399s", shared[0].sentence);
    munmap(shared, 2 * sizeof *shared);
    free(bytes);
    return end;
}
