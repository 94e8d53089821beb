/* test_process.c - memory and counters of this very process, doing work whose size is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "collectors/sampler.h"
#include "fake_tree.h"

#define MS 1000000u
#define MIB (1u << 20)

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

/* perf_event_open as on another machine: 0 = the real one; else its answer by event type. */
static int software_errno, hardware_errno, kernel_errno;

struct open_request { /* first fields of perf_event_attr (linux/perf_event.h) */
    uint32_t type, size;
    uint64_t config;
};

long __wrap_syscall(long number, ...)
{
    va_list args;
    va_start(args, number);
    const struct open_request *attr = va_arg(args, void *);
    const int pid = va_arg(args, int), cpu = va_arg(args, int), group = va_arg(args, int);
    const unsigned long flags = va_arg(args, unsigned long);
    va_end(args);
    assert_int_equal(number, SYS_perf_event_open);
    uint64_t bits;
    memcpy(&bits, (const char *)attr + 40, sizeof(bits)); /* disabled, inherit, ..., exclude_kernel is bit 5 */
    const bool user_only = bits >> 5 & 1;
    const int answer = attr->type == 0 ? hardware_errno : software_errno ? software_errno : user_only ? 0 : kernel_errno;
    if (answer > 0) {
        errno = answer;
        return -1;
    }
    return __real_syscall(number, attr, pid, cpu, group, flags);
}

static int reset(void **state)
{
    (void)state;
    software_errno = hardware_errno = kernel_errno = 0; /* what a test pretends ends with it */
    return 0;
}

static struct mb_collect_set *open_set(const char *selection, const struct fake_tree *tree)
{
    const struct mb_collect_env env = fake_env(tree, 2 * MS);
    struct mb_collect_set *set;
    struct mb_error err = {0};
    if (mb_collect_open(&set, selection, &env, &err))
        fail_msg("%s", err.text);
    return set;
}

static void finish(struct mb_collect_set *set, struct mb_record *record)
{
    mb_collect_stop(set);
    memset(record, 0, sizeof(*record));
    assert_int_equal(mb_collect_read(set, record, NULL), 0);
}

static void mark(struct mb_collect_set *set, enum mb_event_kind kind)
{
    const struct mb_event event = {.t_ns = mb_clock_ns(), .kind = kind};
    mb_collect_phase(set, &event);
}

static char *map_pages(size_t n_bytes)
{
    char *p = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(p != MAP_FAILED);
    madvise(p, n_bytes, MADV_NOHUGEPAGE); /* one fault a page, so that they can be counted */
    return p;
}

static void touch(char *p, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i += 4096)
        ((volatile char *)p)[i] = 1;
}

/* The kernel may keep up to 32 pages a processor out of the sum (percpu_counter, Linux 6.2 to 6.15). */
static double slack_bytes(void)
{
    const double n = (double)sysconf(_SC_NPROCESSORS_CONF);
    return 4096 * (4 + 32 * n + n * n);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SKIP_WITH_SHADOW_MEMORY()                                                                   \
    do {                                                                                            \
        print_message("skipped: the sanitizer's shadow memory grows with the work, by its own rule\n"); \
        skip();                                                                                     \
    } while (0)
#else
#define SKIP_WITH_SHADOW_MEMORY() (void)0
#endif

static void memory_of_known_work(void **state)
{
    (void)state;
    SKIP_WITH_SHADOW_MEMORY();
    struct mb_collect_set *set = open_set("memory", NULL);
    struct mb_record before, after;
    char *p = map_pages(64 * MIB);
    mb_collect_start(set);
    sleep_ms(5);
    finish(set, &before);
    mb_collect_start(set);
    touch(p, 64 * MIB);
    finish(set, &after);
    const double rise = known_value(&after, MB_METRIC_RSS_ANON_BYTES, "", "proc_mem") -
                        known_value(&before, MB_METRIC_RSS_ANON_BYTES, "", "proc_mem");
    assert_true(fabs(rise - 64.0 * MIB) <= slack_bytes());
    assert_true(fabs(known_value(&after, MB_METRIC_MINOR_FAULTS, "", "proc_mem") - 64 * 256) < 1024);
    assert_true(known_value(&after, MB_METRIC_MAJOR_FAULTS, "", "proc_mem") >= 0);
    const struct mb_record_stream *s = find_stream(&after, "rss_anon_bytes", "process");
    assert_true(s->n >= 2);
    assert_true(fabs((double)(s->value[s->n - 1] - s->value[0]) - 64.0 * MIB) <= slack_bytes());
    assert_non_null(find_stream(&after, "rss_file_bytes", "process"));
    munmap(p, 64 * MIB);
    mb_record_release(&before);
    mb_record_release(&after);
    mb_collect_close(set);
}

/* Load: 32 MiB for a moment. Prefill: 16 MiB kept. Decode: 8 MiB for a moment. Each peak is its own, not an earlier one's. */
static void peaks_belong_to_their_phase(void **state)
{
    (void)state;
    SKIP_WITH_SHADOW_MEMORY();
    struct mb_collect_set *set = open_set("memory", NULL);
    struct mb_record r;
    mb_collect_start(set);
    mark(set, MB_EVENT_LOAD_BEGIN);
    char *load = map_pages(32 * MIB);
    touch(load, 32 * MIB);
    munmap(load, 32 * MIB);
    mark(set, MB_EVENT_LOAD_END);
    mark(set, MB_EVENT_PREFILL_BEGIN);
    char *cache = map_pages(16 * MIB);
    touch(cache, 16 * MIB);
    mark(set, MB_EVENT_PREFILL_END);
    mark(set, MB_EVENT_TOKEN);
    char *scratch = map_pages(8 * MIB);
    touch(scratch, 8 * MIB);
    munmap(scratch, 8 * MIB);
    mark(set, MB_EVENT_REQUEST_END);
    finish(set, &r);
    const struct mb_record_metric *any = find_metric(&r, MB_METRIC_RSS_PEAK_BYTES, "load", "proc_mem");
    if (any->reason) {
        print_message("skipped: %s\n", any->reason);
    } else {
        const double load_peak = any->value, prefill = known_value(&r, MB_METRIC_RSS_PEAK_BYTES, "prefill", "proc_mem"),
                     decode = known_value(&r, MB_METRIC_RSS_PEAK_BYTES, "decode", "proc_mem"), slack = slack_bytes();
        assert_true(fabs(load_peak - prefill - 16.0 * MIB) < slack);
        assert_true(fabs(decode - prefill - 8.0 * MIB) < slack);
        assert_true(known_value(&r, MB_METRIC_RSS_PEAK_BYTES, "", "proc_mem") == load_peak);
        const double end_of_load = known_value(&r, MB_METRIC_RSS_ANON_BYTES, "load", "proc_mem"),
                     end_of_prefill = known_value(&r, MB_METRIC_RSS_ANON_BYTES, "prefill", "proc_mem");
        assert_true(fabs(end_of_prefill - end_of_load - 16.0 * MIB) < slack);
    }
    munmap(cache, 16 * MIB);
    mb_record_release(&r);
    mb_collect_close(set);
}

static void file_pages_are_told_from_anonymous(void **state)
{
    (void)state;
    SKIP_WITH_SHADOW_MEMORY();
    char path[] = "/tmp/mb-file-XXXXXX";
    const int fd = mkstemp(path);
    static const char zeros[65536];
    for (int i = 0; i < 512; i++)
        assert_int_equal(write(fd, zeros, sizeof(zeros)), sizeof(zeros));
    struct mb_collect_set *set = open_set("memory", NULL);
    struct mb_record r;
    mb_collect_start(set);
    const volatile char *p = mmap(NULL, 32 * MIB, PROT_READ, MAP_SHARED, fd, 0);
    int sum = 0;
    for (size_t i = 0; i < 32 * MIB; i += 4096)
        sum += p[i];
    assert_int_equal(sum, 0);
    finish(set, &r);
    const struct mb_record_stream *file = find_stream(&r, "rss_file_bytes", "process");
    const struct mb_record_stream *anon = find_stream(&r, "rss_anon_bytes", "process");
    assert_true(fabs((double)(file->value[file->n - 1] - file->value[0]) - 32.0 * MIB) <= slack_bytes());
    assert_true(fabs((double)(anon->value[anon->n - 1] - anon->value[0])) <= slack_bytes());
    munmap((void *)(uintptr_t)p, 32 * MIB);
    close(fd);
    unlink(path);
    mb_record_release(&r);
    mb_collect_close(set);
}

static void put_fake_process(const struct fake_tree *tree, int peak_kb)
{
    fake_tree_put_process(tree, getpid(), 40960, 8192, peak_kb);
}

/* No clear_refs: a peak is known where the mark rose, and unknown, not stale, where it did not. */
static void without_reset_a_peak_is_known_only_if_it_rose(void **state)
{
    (void)state;
    struct fake_tree tree;
    fake_tree_make(&tree);
    put_fake_process(&tree, 90000);
    struct mb_collect_set *set = open_set("memory", &tree);
    struct mb_record r;
    mb_collect_start(set);
    mark(set, MB_EVENT_PREFILL_BEGIN);
    put_fake_process(&tree, 95000);
    mark(set, MB_EVENT_PREFILL_END);
    mark(set, MB_EVENT_TOKEN);
    mark(set, MB_EVENT_REQUEST_END);
    finish(set, &r);
    assert_true(known_value(&r, MB_METRIC_RSS_PEAK_BYTES, "prefill", "proc_mem") == 95000.0 * 1024);
    assert_non_null(strstr(absent_reason(&r, MB_METRIC_RSS_PEAK_BYTES, "decode", "proc_mem"), "cannot be reset"));
    assert_true(known_value(&r, MB_METRIC_RSS_PEAK_BYTES, "", "proc_mem") == 95000.0 * 1024);
    assert_true(known_value(&r, MB_METRIC_RSS_ANON_BYTES, "", "proc_mem") == 40960.0 * 1024);
    assert_true(known_value(&r, MB_METRIC_RSS_FILE_BYTES, "decode", "proc_mem") == 8192.0 * 1024);
    assert_null(find_metric(&r, MB_METRIC_RSS_PEAK_BYTES, "load", "proc_mem"));
    mb_record_release(&r);
    mb_collect_close(set);
    fake_tree_remove(&tree);
}

static void a_process_file_that_breaks_is_unknown(void **state)
{
    (void)state;
    struct fake_tree tree;
    char path[64];
    fake_tree_make(&tree);
    put_fake_process(&tree, 90000);
    struct mb_collect_set *set = open_set("memory", &tree);
    struct mb_record r;
    mb_collect_start(set);
    static const char *const names[] = {"status", "statm", "stat"};
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "/proc/%d/%s", getpid(), names[i]);
        fake_tree_put(&tree, path, "7 seven ) of nothing");
    }
    finish(set, &r);
    assert_non_null(strstr(absent_reason(&r, MB_METRIC_RSS_ANON_BYTES, "", "proc_mem"), "could not be read"));
    assert_non_null(strstr(absent_reason(&r, MB_METRIC_MINOR_FAULTS, "", "proc_mem"), "could not be read"));
    assert_true(find_stream(&r, "rss_anon_bytes", "process")->n_errors >= 1);
    mb_record_release(&r);
    mb_collect_close(set);
    fake_tree_remove(&tree);
}

/* Asked of the real kernel, before a test pretends another one: a fault of ours must not look like a machine without counters. */
static bool perf_is_here(void)
{
    const struct mb_collect_env env = fake_env(NULL, MS);
    struct mb_error why = {0};
    if (mb_collector_find("perf_event")->probe(&env, &why) == MB_OK)
        return true;
    print_message("skipped: %s\n", why.text);
    return false;
}

#define SKIP_WITHOUT_PERF() \
    do {                    \
        if (!perf_is_here()) \
            skip();         \
    } while (0)

struct worker {
    char *pages;
    size_t n_bytes;
    uint64_t burn_ns;
};

static void *work(void *user)
{
    const struct worker *w = user;
    touch(w->pages, w->n_bytes);
    struct timespec ts;
    do
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    while ((uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec < w->burn_ns);
    return NULL;
}

/* A thread created after open counts, also when it has ended before stop. */
static void counters_see_threads_and_known_faults(void **state)
{
    (void)state;
    SKIP_WITH_SHADOW_MEMORY();
    SKIP_WITHOUT_PERF();
    struct mb_collect_set *set = open_set("counters", NULL);
    struct mb_record r;
    struct worker w = {.pages = map_pages(20 * MIB), .n_bytes = 20 * MIB, .burn_ns = 60 * MS};
    pthread_t thread;
    mb_collect_start(set);
    assert_int_equal(pthread_create(&thread, NULL, work, &w), 0);
    pthread_join(thread, NULL);
    finish(set, &r);
    munmap(w.pages, 20 * MIB);
    const double faults = known_value(&r, MB_METRIC_PAGE_FAULTS, "", "perf_event");
    assert_true(faults >= 20 * 256 && faults < 20 * 256 + 1024);
    const double cpu_ns = known_value(&r, MB_METRIC_CPU_TIME_NS, "", "perf_event");
    assert_true(cpu_ns >= 60e6 * 0.98 && cpu_ns < 10 * 60e6);
    mb_record_release(&r);
    mb_collect_close(set);
}

static void switches_are_counted(void **state)
{
    (void)state;
    SKIP_WITHOUT_PERF();
    struct mb_collect_set *set = open_set("counters", NULL);
    struct mb_record r;
    mb_collect_start(set);
    for (int i = 0; i < 20; i++)
        sleep_ms(1);
    finish(set, &r);
    assert_true(known_value(&r, MB_METRIC_CONTEXT_SWITCHES, "", "perf_event") >= 20);
    mb_record_release(&r);
    mb_collect_close(set);
}

/* paranoid 2 for an ordinary user: user mode only; switches come from getrusage, migrations are unknown, never 0. */
static void forbidden_kernel_side_is_never_zero(void **state)
{
    (void)state;
    SKIP_WITHOUT_PERF();
    kernel_errno = EACCES;
    hardware_errno = EOPNOTSUPP;
    struct mb_collect_set *set = open_set("counters", NULL);
    struct mb_record r;
    char *p = map_pages(4 * MIB);
    mb_collect_start(set);
    touch(p, 4 * MIB);
    for (int i = 0; i < 20; i++)
        sleep_ms(1);
    finish(set, &r);
    munmap(p, 4 * MIB);
    assert_true(known_value(&r, MB_METRIC_PAGE_FAULTS, "", "perf_event") >= 1024);
    assert_true(known_value(&r, MB_METRIC_CONTEXT_SWITCHES, "", "perf_event") >= 20);
    assert_non_null(strstr(absent_reason(&r, MB_METRIC_CPU_MIGRATIONS, "", "perf_event"), "forbidden (EACCES)"));
    assert_non_null(strstr(absent_reason(&r, MB_METRIC_CYCLES, "", "perf_event"), "not offered by this machine (EOPNOTSUPP)"));
    mb_record_release(&r);
    mb_collect_close(set);
}

static void not_offered_and_forbidden_differ(void **state)
{
    (void)state;
    struct fake_tree tree;
    fake_tree_make(&tree);
    const struct mb_collect_env env = fake_env(&tree, MS);
    const struct mb_collector_ops *ops = mb_collector_find("perf_event");
    static const struct { int error; const char *says; const char *paranoid; } cases[] = {
        {EPERM, "forbidden (EPERM): kernel.perf_event_paranoid cannot be read", NULL},
        {EACCES, "forbidden (EACCES): kernel.perf_event_paranoid is 3; run `sudo sysctl kernel.perf_event_paranoid=1`", "3"},
        {EPERM, "forbidden (EPERM) although kernel.perf_event_paranoid is -1: a container's seccomp filter", "-1"},
        {ENOENT, "not offered by this machine (ENOENT)", NULL}, {EOPNOTSUPP, "not offered by this machine (EOPNOTSUPP)", NULL},
        {ENOSYS, "without perf_event_open", NULL}, {EMFILE, "Too many open files", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        software_errno = hardware_errno = cases[i].error;
        if (cases[i].paranoid)
            fake_tree_put(&tree, "/proc/sys/kernel/perf_event_paranoid", cases[i].paranoid);
        struct mb_error why = {0};
        assert_int_equal(ops->probe(&env, &why), MB_ENOTSUP);
        if (!strstr(why.text, cases[i].says))
            fail_msg("%s", why.text);
    }
    fake_tree_remove(&tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_of_known_work),
        cmocka_unit_test(peaks_belong_to_their_phase),
        cmocka_unit_test(file_pages_are_told_from_anonymous),
        cmocka_unit_test(without_reset_a_peak_is_known_only_if_it_rose),
        cmocka_unit_test(a_process_file_that_breaks_is_unknown),
        cmocka_unit_test_setup(counters_see_threads_and_known_faults, reset),
        cmocka_unit_test_setup(switches_are_counted, reset),
        cmocka_unit_test_setup(forbidden_kernel_side_is_never_zero, reset),
        cmocka_unit_test_setup(not_offered_and_forbidden_differ, reset),
    };
    return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
