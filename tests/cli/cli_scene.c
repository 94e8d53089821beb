/* cli_scene.c - see cli_scene.h. */
#include "cli_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gguf_build.h"

static void write_bytes(const char *name, const void *bytes, size_t n)
{
    FILE *f = fopen(name, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static void make_models(void)
{
    struct gguf_build *b = gguf_build_new();
    size_t n;
    gguf_build_llama(b, &(struct gguf_tiny){.n_layers = 4, .n_ctx = 200000, .type = ENG_TYPE_Q4_0, .untied = true});
    const uint8_t *bytes = gguf_build_bytes(b, &n);
    write_bytes("tiny.gguf", bytes, n);
    write_bytes("cut.gguf", bytes, n - n / 3);
    uint8_t *odd = malloc(n);
    assert_non_null(odd);
    memcpy(odd, bytes, n);
    memset(odd + 8, 0xff, 8); /* the number of tensors */
    write_bytes("odd.gguf", odd, n);
    free(odd);
    gguf_build_free(b);
}

int scene_begin(void **state)
{
    const char *tmp = getenv("TMPDIR");
    char dir[512];
    snprintf(dir, sizeof(dir), "%s/mb-cli-XXXXXX", tmp ? tmp : "/tmp");
    *state = NULL;
    if (!mkdtemp(dir) || chdir(dir))
        return -1;
    make_models();
    setenv("MB", MB_BINARY_DIR "/meltbench", 1);
    setenv("DIR", dir, 1);
    setenv("TINY", "tiny.gguf", 1);
    setenv("CUT", "cut.gguf", 1);
    setenv("ODD", "odd.gguf", 1);
    unsetenv("MELTBENCH_DATA");
    unsetenv("MELTBENCH_MODELS");
    return 0;
}

int scene_end(void **state)
{
    (void)state;
    return system("cd / && rm -rf \"$DIR\"");
}

static char *read_text(const char *name)
{
    FILE *f = fopen(name, "rb");
    assert_non_null(f);
    fseek(f, 0, SEEK_END);
    const long n = ftell(f);
    rewind(f);
    char *text = calloc((size_t)n + 1, 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, (size_t)n, f), n);
    fclose(f);
    return text;
}

static struct cli run_script(const char *format, va_list ap)
{
    char script[4096];
    const int n = snprintf(script, sizeof(script), "exec >.stdout 2>.stderr </dev/null; ");
    assert_true(vsnprintf(script + n, sizeof(script) - (size_t)n, format, ap) < (int)sizeof(script) - n);
    fflush(NULL);
    const int status = system(script);
    return (struct cli){.code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status), .out = read_text(".stdout"),
                        .err = read_text(".stderr")};
}

struct cli sh(const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    struct cli c = run_script(format, ap);
    va_end(ap);
    return c;
}

char *sh_text(const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    struct cli c = run_script(format, ap);
    va_end(ap);
    if (c.code != 0 || *c.err)
        fail_msg("%s: exit %d: %s", format, c.code, c.err);
    char *out = c.out;
    c.out = NULL;
    cli_free(&c);
    return out;
}

void sh_fails(int code, const char *words, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    struct cli c = run_script(format, ap);
    va_end(ap);
    char copy[512], *save = NULL;
    if (c.code != code)
        fail_msg("%s: exit %d instead of %d: %s", format, c.code, code, c.err);
    if (*c.out)
        fail_msg("%s: on stdout: %s", format, c.out);
    if (cli_count_lines(c.err) > 3 || cli_count_lines(c.err) < 1)
        fail_msg("%s: not 1 to 3 lines: %s", format, c.err);
    snprintf(copy, sizeof(copy), "%s", words);
    for (const char *w = strtok_r(copy, "|", &save); w; w = strtok_r(NULL, "|", &save))
        if (!strstr(c.err, w))
            fail_msg("%s: nothing about '%s' in: %s", format, w, c.err);
    cli_free(&c);
}

json_t *sh_json(const char *format, ...)
{
    va_list ap;
    json_error_t why;
    va_start(ap, format);
    struct cli c = run_script(format, ap);
    va_end(ap);
    if (c.code != 0)
        fail_msg("%s: exit %d: %s", format, c.code, c.err);
    json_t *j = json_loads(c.out, JSON_REJECT_DUPLICATES, &why);
    if (!j)
        fail_msg("%s: not JSON: %s\n%s", format, why.text, c.out);
    cli_free(&c);
    return j;
}

double figure_of(const char *stats, const char *name)
{
    char line[64];
    snprintf(line, sizeof(line), "\n  %-16s ", name);
    const char *at = strstr(stats, line);
    char *end = NULL;
    const double value = at ? strtod(at + strlen(line), &end) : 0;
    if (!at || end == at + strlen(line))
        fail_msg("no figure '%s' in:\n%s", name, stats);
    return value;
}

const char *default_model(void)
{
    static char path[1024];
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    snprintf(path, sizeof(path), "%s%s/meltbench/SmolLM2-135M-Instruct.Q4_1.gguf", cache ? cache : home ? home : "", cache ? "" : "/.cache");
    if (access(path, R_OK) == 0)
        return path;
    printf("skipped: no %s (scripts/quickstart.sh --model-only gets it)\n", path);
    return NULL;
}

const char *data_file(const char *below)
{
    static char path[1024];
    const char *root = getenv("MELTBENCH_TEST_DATA");
    snprintf(path, sizeof(path), "%s/%s", root ? root : MB_SOURCE_DIR "/../shared/data", below);
    if (access(path, R_OK) == 0)
        return path;
    printf("skipped: no %s\n", path);
    return NULL;
}
