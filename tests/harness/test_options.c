/* Command lines: what is stored, what is refused, and what the refusal says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/options.h"

struct options {
    const char *db;
    const char *axis[MB_AXIS_N];
    bool again;
    uint32_t n_gen;
    uint64_t seed;
    float temperature;
};

static const struct mb_opt_row rows[] = {
    {"--db", "-o", MB_OPT_TEXT, offsetof(struct options, db), "FILE", 0, 0, "database (meltbench.db)"},
    {"--again", NULL, MB_OPT_FLAG, offsetof(struct options, again), NULL, 0, 0, "once more"},
    {"--n-gen", "-n", MB_OPT_U32, offsetof(struct options, n_gen), "N", 1, 4096, "tokens"},
    {"--seed", NULL, MB_OPT_U64, offsetof(struct options, seed), "N", 0, 0, "seed"},
    {"--temp", "--temperature", MB_OPT_F32, offsetof(struct options, temperature), "T", 0, 2, "temperature"},
    {0},
};

static const struct mb_command command = {
    .name = "demo", .operands = "PLAN [SECTION]", .summary = "a command", .rows = rows, .takes_axes = true,
    .axis_offset = offsetof(struct options, axis),
};

enum { MAX_WORDS = 16 };

struct parsed { struct options o; char *argv[MAX_WORDS + 1]; int n_operands, rc; struct mb_error err; };

/* Words are separated by '|'. */
static struct parsed parse(const struct mb_command *c, const char *line)
{
    static char words[512], name[] = "demo";
    struct parsed p = {.o = {.db = "default"}, .argv = {name}};
    int argc = 1;
    snprintf(words, sizeof(words), "%s", line);
    for (char *w = strtok(words, "|"); w && argc < MAX_WORDS; w = strtok(NULL, "|"))
        p.argv[argc++] = w;
    p.rc = mb_opt_parse(c, argc, p.argv, &p.o, &p.n_operands, &p.err);
    return p;
}

static void values_reach_their_fields(void **state)
{
    (void)state;
    struct parsed p = parse(&command, "--db|x.db|plan.yaml|--again|-n|64|--seed=18446744073709551615|--temp|0.5|devices");
    assert_int_equal(p.rc, MB_OK);
    assert_string_equal(p.o.db, "x.db");
    assert_true(p.o.again);
    assert_int_equal(p.o.n_gen, 64);
    assert_true(p.o.seed == UINT64_MAX);
    assert_true(p.o.temperature == 0.5f);
    assert_int_equal(p.n_operands, 2);
    assert_string_equal(p.argv[1], "plan.yaml");
    assert_string_equal(p.argv[2], "devices");
}

static void what_is_not_given_stays(void **state)
{
    (void)state;
    struct parsed p = parse(&command, "plan.yaml");
    assert_int_equal(p.rc, MB_OK);
    assert_string_equal(p.o.db, "default");
    assert_false(p.o.again);
    for (int i = 0; i < MB_AXIS_N; i++)
        assert_null(p.o.axis[i]);
}

static void names_have_several_spellings(void **state)
{
    (void)state;
    assert_int_equal(parse(&command, "p|--n_gen=5").o.n_gen, 5);
    assert_int_equal(parse(&command, "p|-n=5").o.n_gen, 5);
    assert_true(parse(&command, "p|--temperature|1").o.temperature == 1.0f);
    assert_string_equal(parse(&command, "p|-o|y").o.db, "y");
    assert_string_equal(parse(&command, "p|--db=").o.db, "");
    assert_string_equal(parse(&command, "p|--db=a=b").o.db, "a=b");
}

static void axes_are_flags_by_themselves(void **state)
{
    (void)state;
    struct parsed p = parse(&command, "p|-ctk|f16,f32|-t|1-4|--early_exit|none,verify:layer=20,draft=4|--token-reduction=none|-m|a.gguf");
    assert_int_equal(p.rc, MB_OK);
    assert_string_equal(p.o.axis[MB_AXIS_CACHE_TYPE_K], "f16,f32");
    assert_string_equal(p.o.axis[MB_AXIS_THREADS], "1-4");
    assert_string_equal(p.o.axis[MB_AXIS_EARLY_EXIT], "none,verify:layer=20,draft=4");
    assert_string_equal(p.o.axis[MB_AXIS_TOKEN_REDUCTION], "none");
    assert_string_equal(p.o.axis[MB_AXIS_MODEL], "a.gguf");
    p = parse(&command, "p|-t|1|--threads|2");
    assert_int_equal(p.rc, MB_EINVAL);
    assert_non_null(strstr(p.err.text, "--threads is given twice"));
    struct mb_command plain = command;
    plain.takes_axes = false;
    assert_int_equal(parse(&plain, "p|-t|1").rc, MB_EINVAL);
}

static void dashes_end_options(void **state)
{
    (void)state;
    struct parsed p = parse(&command, "--|--db|-n");
    assert_int_equal(p.rc, MB_OK);
    assert_int_equal(p.n_operands, 2);
    assert_string_equal(p.argv[1], "--db");
    p = parse(&command, "-"); /* a dash alone is an operand */
    assert_int_equal(p.n_operands, 1);
    assert_string_equal(parse(&command, "p|--db|-5").o.db, "-5"); /* no option of this command: a value */
}

static void faults_say_what_and_what_instead(void **state)
{
    (void)state;
    static const struct { const char *line, *message; } cases[] = {
        {"p|--agian", "demo: unknown option --agian; did you mean --again?"},
        {"p|--early-exits|x", "did you mean --early-exit?"},
        {"p|-ctx|x", "did you mean -ct"},
        {"p|--completely-different", "demo: unknown option --completely-different"},
        {"p|--db", "--db needs a value (FILE)"},
        {"p|--db|--again", "--db needs a value (FILE); --again is an option (to give it as the value, write --db=--again)"},
        {"p|--again=yes", "--again takes no value"},
        {"p|-n|0", "'0' is not a whole number from 1 to 4096"},
        {"p|-n|4097", "from 1 to 4096"},
        {"p|-n|5x", "'5x'"},
        {"p|-n|-5", "'-5'"},
        {"p|-n| 5", "' 5'"},
        {"p|-n|1e3", "'1e3'"},
        {"p|--seed|18446744073709551616", "is not a whole number"},
        {"p|--seed|+1", "'+1'"},
        {"p|--temp|hot", "'hot' is not a number"},
        {"p|--temp|nan", "'nan' is not a number"},
        {"p|--temp|2.5", "not between 0 and 2"},
        {"--again", "demo needs PLAN"},
        {"p|devices|more", "unexpected argument 'more'"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct parsed p = parse(&command, cases[i].line);
        assert_int_equal(p.rc, MB_EINVAL);
        if (!strstr(p.err.text, cases[i].message))
            fail_msg("'%s' gave: %s", cases[i].line, p.err.text);
    }
}

static void an_endless_option_is_only_a_fault(void **state)
{
    (void)state;
    char endless[20000] = "--", name[] = "demo", *argv[] = {name, endless, NULL};
    memset(endless + 2, 'x', sizeof(endless) - 3);
    endless[sizeof(endless) - 1] = '\0';
    struct options o = {0};
    struct mb_error err = {0};
    int n = 0;
    assert_int_equal(mb_opt_parse(&command, 2, argv, &o, &n, &err), MB_EINVAL);
}

static void operands_are_counted_by_their_pattern(void **state)
{
    (void)state;
    struct mb_command c = command;
    c.operands = NULL;
    assert_int_equal(parse(&c, "--again").rc, MB_OK);
    assert_int_equal(parse(&c, "x").rc, MB_EINVAL);
    c.operands = "DB...";
    assert_int_equal(parse(&c, "--again").rc, MB_EINVAL);
    assert_int_equal(parse(&c, "a|b|c|d").n_operands, 4);
    c.operands = "[DB]";
    assert_int_equal(parse(&c, "--again").rc, MB_OK);
    assert_int_equal(parse(&c, "a|b").rc, MB_EINVAL);
}

/* What a complaint prints on stderr, and its exit code. */
static int complain(const struct mb_command *c, int code, const char *text, char *out, size_t cap)
{
    struct mb_error err = {.code = code};
    char path[] = "/tmp/mb-complain-XXXXXX";
    const int saved = dup(2), fd = mkstemp(path);
    snprintf(err.text, sizeof(err.text), "%s", text);
    fflush(stderr);
    dup2(fd, 2);
    const int exit_code = mb_complain(c, &err);
    fflush(stderr);
    dup2(saved, 2);
    close(saved);
    const ssize_t n = pread(fd, out, cap - 1, 0);
    out[n > 0 ? n : 0] = '\0';
    close(fd);
    unlink(path);
    return exit_code;
}

static size_t count_lines(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += *text == '\n';
    return n;
}

static void complaints_are_short_and_clean(void **state)
{
    (void)state;
    char out[2048];
    assert_int_equal(complain(&command, MB_EINVAL, "demo: unknown option --x", out, sizeof(out)), 2);
    assert_string_equal(out, "meltbench: demo: unknown option --x\ntry: meltbench demo --help\n");
    assert_int_equal(complain(&command, MB_ENOENT, "no such file", out, sizeof(out)), 1);
    assert_string_equal(out, "meltbench: no such file\n");
    assert_int_equal(complain(NULL, MB_EINVAL, "unknown command 'x'", out, sizeof(out)), 2);
    assert_string_equal(out, "meltbench: unknown command 'x'\ntry: meltbench help\n");
    assert_int_equal(complain(NULL, MB_EIO, "", out, sizeof(out)), 1);
    assert_string_equal(out, "meltbench: EIO\n");
    complain(&command, MB_EINVAL, "a\nb\nc\nd\ne", out, sizeof(out));
    assert_int_equal(count_lines(out), 3);
    complain(&command, MB_EIO, "colour \033[31mred\007", out, sizeof(out));
    assert_string_equal(out, "meltbench: colour ?[31mred?\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_reach_their_fields),
        cmocka_unit_test(what_is_not_given_stays),
        cmocka_unit_test(names_have_several_spellings),
        cmocka_unit_test(axes_are_flags_by_themselves),
        cmocka_unit_test(dashes_end_options),
        cmocka_unit_test(faults_say_what_and_what_instead),
        cmocka_unit_test(an_endless_option_is_only_a_fault),
        cmocka_unit_test(operands_are_counted_by_their_pattern),
        cmocka_unit_test(complaints_are_short_and_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
