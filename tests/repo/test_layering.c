/*
 * test_layering.c - the dependency arrows of the design, and the house rules a script can check: every #include of every folder is
 * looked up in the table below. A forbidden include fails here, not in a review.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

struct room {
    const char *folder;
    const char *skip;      /* sub-folder that is a room of its own, or NULL */
    const char *allowed[12];/* prefixes of project includes, NULL-ended */
};

static const struct room rooms[] = {
    {"engine", NULL, {"eng/", "base/", "model/", "arch/", "types/", "kernels/", "run/", "exit/", "reduce/", "quantize/", NULL}},
    {"harness/base", NULL, {"base/", NULL}},
    {"workloads", NULL, {"base/", "workloads/", NULL}},
    {"runners", NULL, {"base/", "runners/", "eng/engine.h", NULL}},
    {"collectors", NULL, {"base/", "collectors/", NULL}},
    {"db", NULL, {"base/", "db/", NULL}},
    {"plots", NULL, {"base/", "plots/", NULL}},
    {"harness", "base", {"base/", "harness/", "workloads/", "runners/", "collectors/", "db/", "plots/", "eng/engine.h", "eng/quantize.h", NULL}},
};

static const char *const project_prefixes[] = {"eng/",        "base/",    "model/",      "types/", "kernels/", "run/",     "exit/", "reduce/", "arch/",
                                               "quantize/",
                                               "backends/",   "harness/", "workloads/",  "runners/", "collectors/", "db/", "plots/", "farm/"};

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* An include with a folder in its path is ours when the folder is; one without is a neighbour or generated: always fine. */
static bool is_allowed(const struct room *room, const char *include)
{
    bool ours = false;
    for (size_t i = 0; i < sizeof(project_prefixes) / sizeof(project_prefixes[0]); i++)
        ours |= starts_with(include, project_prefixes[i]);
    if (!ours)
        return true;
    if (strcmp(room->folder, "engine") == 0 && starts_with(include, "backends/"))
        return true;
    for (size_t i = 0; room->allowed[i]; i++)
        if (starts_with(include, room->allowed[i]))
            return true;
    return false;
}

struct findings {
    unsigned n_files, n_bad;
    const struct room *room;
};

/* The path of an #include line into name, or false. */
static bool include_of(const char *line, char *name, size_t cap)
{
    while (*line == ' ' || *line == '\t')
        line++;
    if (*line++ != '#')
        return false;
    while (*line == ' ')
        line++;
    if (!starts_with(line, "include"))
        return false;
    const char *open = strpbrk(line, "\"<");
    const char *close = open ? strpbrk(open + 1, "\">") : NULL;
    if (!close || (size_t)(close - open) > cap)
        return false;
    memcpy(name, open + 1, (size_t)(close - open) - 1);
    name[close - open - 1] = '\0';
    return true;
}

static void check_file(const char *path, struct findings *f)
{
    char line[1024], include[512];
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    unsigned n_lines = 0;
    f->n_files++;
    while (fgets(line, sizeof(line), in)) {
        n_lines++;
        if (include_of(line, include, sizeof(include)) && !is_allowed(f->room, include)) {
            print_error("%s:%u: %s may not include \"%s\"\n", path, n_lines, f->room->folder, include);
            f->n_bad++;
        }
    }
    fclose(in);
    if (n_lines > 600) {
        print_error("%s: %u lines; split it (600 is the most)\n", path, n_lines);
        f->n_bad++;
    }
}

static bool is_source(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && (strcmp(dot, ".c") == 0 || strcmp(dot, ".h") == 0);
}

static void walk(const char *folder, const char *skip, struct findings *f)
{
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    const struct dirent *entry;
    while ((entry = readdir(dir))) {
        char path[4096];
        struct stat st;
        if (entry->d_name[0] == '.' || (skip && strcmp(entry->d_name, skip) == 0))
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (stat(path, &st) != 0)
            continue;
        if (S_ISDIR(st.st_mode))
            walk(path, NULL, f);
        else if (is_source(entry->d_name)) {
            static const char *const dumping_grounds[] = {"util", "utils", "common", "misc", "helper", "helpers"};
            for (size_t i = 0; i < sizeof(dumping_grounds) / sizeof(dumping_grounds[0]); i++) {
                const size_t n = strlen(dumping_grounds[i]);
                if (strncmp(entry->d_name, dumping_grounds[i], n) == 0 && entry->d_name[n] == '.') {
                    print_error("%s: name a file after its one idea\n", path);
                    f->n_bad++;
                }
            }
            check_file(path, f);
        }
    }
    closedir(dir);
}

static void every_include_follows_the_arrows(void **state)
{
    (void)state;
    unsigned n_bad = 0;
    for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
        char folder[4096];
        struct findings f = {.room = &rooms[i]};
        snprintf(folder, sizeof(folder), "%s/%s", MB_SOURCE_DIR, rooms[i].folder);
        walk(folder, rooms[i].skip, &f);
        assert_true(f.n_files > 0);
        n_bad += f.n_bad;
    }
    assert_int_equal(n_bad, 0);
}

static const struct room *room_of(const char *folder)
{
    for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++)
        if (strcmp(rooms[i].folder, folder) == 0)
            return &rooms[i];
    return NULL;
}

static void a_forbidden_include_is_found(void **state)
{
    (void)state;
    char name[64];
    assert_true(include_of("#include \"db/store.h\"\n", name, sizeof(name)));
    assert_string_equal(name, "db/store.h");
    assert_true(include_of("#  include <eng/engine.h>", name, sizeof(name)));
    assert_false(include_of("/* #include \"db/store.h\" */", name, sizeof(name)));
    assert_false(is_allowed(room_of("workloads"), "runners/runner.h"));
    assert_false(is_allowed(room_of("collectors"), "eng/engine.h"));
    assert_false(is_allowed(room_of("harness/base"), "db/store.h"));
    assert_false(is_allowed(room_of("engine"), "harness/plan.h"));
    assert_false(is_allowed(room_of("runners"), "model/model.h"));
    assert_true(is_allowed(room_of("runners"), "eng/engine.h"));
    assert_true(is_allowed(room_of("harness"), "db/store.h"));
    assert_true(is_allowed(room_of("db"), "sqlite3.h"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_include_follows_the_arrows),
        cmocka_unit_test(a_forbidden_include_is_found),
    };
    return cmocka_run_group_tests_name("layering", tests, NULL, NULL);
}
