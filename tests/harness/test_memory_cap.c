/* test_memory_cap.c - a worker cannot have more memory than its limit, by either way, and the row says so. Groups of cgroup v2 are a
 * fake tree (the kernel's files are made by a wrapped mkdir): that a kernel takes what we write there is not proven here. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../collectors/fake_tree.h"
#include "campaign.h"
#include "harness/memory_cap.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1 /* shadow memory alone is above any limit */
#else
#define SANITIZED 0
#endif

int __real_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode);

static bool kernel_makes_files; /* in a new group, as cgroupfs does */

int __wrap_mkdir(const char *path, mode_t mode)
{
    static const char *const files[] = {"memory.max", "memory.swap.max", "memory.events", "cgroup.procs"};
    const int rc = __real_mkdir(path, mode);
    for (size_t i = 0; rc == 0 && kernel_makes_files && i < sizeof(files) / sizeof(files[0]); i++) {
        char name[300];
        snprintf(name, sizeof(name), "%s/%s", path, files[i]);
        FILE *f = fopen(name, "w");
        assert_non_null(f);
        fclose(f);
    }
    return rc;
}

/* The tree that systemd leaves: we are in a leaf, and its parent hands memory on. */
static void delegated_tree(struct fake_tree *t, const char *controllers_of_parent)
{
    fake_tree_make(t);
    fake_tree_put(t, "/proc/self/cgroup", "0::/user.slice/app.slice/shell.scope\n");
    fake_tree_put(t, "/sys/fs/cgroup/cgroup.controllers", "cpu memory pids\n");
    fake_tree_put(t, "/sys/fs/cgroup/user.slice/app.slice/cgroup.subtree_control", controllers_of_parent);
}

static const char *content(const struct fake_tree *t, const char *group, const char *file)
{
    static char text[200];
    char path[600];
    snprintf(path, sizeof(path), "%s%s/%s", t->root, group, file);
    FILE *f = fopen(path, "r");
    if (!f)
        return "absent";
    text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
    fclose(f);
    return text;
}

static void a_group_is_made_where_memory_is_handed_on(void **state)
{
    (void)state;
    struct fake_tree t;
    struct mb_memory_cap cap;
    char name[60], events[600], path[600];
    delegated_tree(&t, "memory pids\n");
    kernel_makes_files = true;
    mb_memory_cap_open(&cap, (uint64_t)300 << 20, t.root);
    kernel_makes_files = false;
    assert_non_null(strstr(cap.group, "/sys/fs/cgroup/user.slice/app.slice/meltbench-"));
    assert_string_equal(content(&t, cap.group, "memory.max"), "314572800");
    assert_string_equal(content(&t, cap.group, "memory.swap.max"), "0");
    assert_string_equal(mb_memory_cap_name(&cap, name, sizeof(name)), "300 MiB (cgroup v2)");
    assert_true(mb_memory_cap_enter(&cap));
    assert_string_equal(content(&t, cap.group, "cgroup.procs"), "0");
    assert_false(mb_memory_cap_killed(&cap));
    snprintf(events, sizeof(events), "%s/memory.events", cap.group);
    fake_tree_put(&t, events, "low 0\nhigh 0\nmax 12\noom 1\noom_kill 0\n");
    assert_false(mb_memory_cap_killed(&cap));
    fake_tree_put(&t, events, "low 0\nhigh 0\nmax 12\noom 1\noom_kill 1\n");
    assert_true(mb_memory_cap_killed(&cap));
    snprintf(path, sizeof(path), "rm %s%s/*", t.root, cap.group); /* as if they were the kernel's */
    assert_int_equal(system(path), 0);
    snprintf(path, sizeof(path), "%s%s", t.root, cap.group);
    mb_memory_cap_close(&cap);
    assert_int_not_equal(access(path, F_OK), 0);
    fake_tree_remove(&t);
}

static void without_a_group_the_reason_is_kept_and_nothing_is_left(void **state)
{
    (void)state;
    struct fake_tree t;
    struct mb_memory_cap cap;
    char name[60];
    delegated_tree(&t, "cpu memory_recursiveprot\n"); /* and a file that takes "+memory", as root would */
    mb_memory_cap_open(&cap, 1 << 20, t.root);       /* but in the new folder are no files: not the kernel's */
    assert_string_equal(cap.group, "");
    assert_non_null(strstr(cap.why_not, "shell.scope"));
    assert_memory_equal(content(&t, "/sys/fs/cgroup/user.slice/app.slice", "cgroup.subtree_control"), "+memory", 7);
    assert_string_equal(mb_memory_cap_name(&cap, name, sizeof(name)), "1 MiB (RLIMIT_DATA)");
    mb_memory_cap_close(&cap);
    fake_tree_put(&t, "/proc/self/cgroup", "9:memory:/a\n");
    mb_memory_cap_open(&cap, 1 << 20, t.root);
    assert_non_null(strstr(cap.why_not, "no cgroup v2"));
    mb_memory_cap_close(&cap);
    fake_tree_remove(&t);
}

/* In a child, because it cannot be undone. */
static void beyond_the_resource_limit_memory_is_refused(void **state)
{
    (void)state;
    if (SANITIZED)
        skip();
    fflush(NULL);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        const struct mb_memory_cap cap = {.n_bytes = (uint64_t)64 << 20, .fd_procs = -1};
        const size_t half = (size_t)32 << 20;
        if (!mb_memory_cap_enter(&cap))
            _exit(1);
        if (mmap(NULL, half, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
            _exit(2);
        if (mmap(NULL, half, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
            _exit(3);
        _exit(mmap(NULL, half, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? 4 : 0); /* what cannot be written is free */
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void a_cell_above_its_limit_is_a_failed_row_and_the_others_run(void **state)
{
    (void)state;
    const char *model = campaign_tiny_model();
    if (!model || SANITIZED)
        skip();
    static const struct campaign_cell cells[] = {{"null:token_us=100", 4, 2, NULL}, {"stories", 4, 2, NULL}};
    struct campaign c;
    campaign_open(&c, cells, 2);
    campaign_use_engine(&c, 1, model);
    c.plan.protocol.memory_limit_mib = 1024;
    assert_int_equal(campaign_run(&c), 0);
    assert_int_equal(unlink(c.db), 0);
    c.plan.protocol.memory_limit_mib = 12; /* the null runner needs 9 for its threads' stacks */
    c.cells[1].cell.options = json_pack("{s:i, s:i, s:i}", "prompt", 16, "gen", 4, "depth", 400);
    json_decref(c.options[1]);
    c.options[1] = (json_t *)(uintptr_t)c.cells[1].cell.options;
    assert_int_equal(campaign_run(&c), 1);
    const char *reason = campaign_query(&c, "SELECT reason FROM trial JOIN cell ON cell.id = cell_id WHERE i_cell = 1 AND kind = 'measured' LIMIT 1");
    assert_non_null(strstr(reason, "; its memory limit: 12 MiB ("));
    if (strstr(reason, "RLIMIT_DATA")) {
        assert_non_null(strstr(reason, "no memory"));
        assert_int_equal(campaign_number(&c, "SELECT count(*) FROM trial JOIN cell ON cell.id = cell_id WHERE i_cell = 0 AND status = 'ok' AND kind = 'measured'"), 2);
    }
    campaign_close(&c);
}

int main(int argc, char **argv)
{
    const int worker = campaign_worker(argc, argv);
    if (worker >= 0)
        return worker;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_group_is_made_where_memory_is_handed_on),
        cmocka_unit_test(without_a_group_the_reason_is_kept_and_nothing_is_left),
        cmocka_unit_test(beyond_the_resource_limit_memory_is_refused),
        cmocka_unit_test(a_cell_above_its_limit_is_a_failed_row_and_the_others_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
