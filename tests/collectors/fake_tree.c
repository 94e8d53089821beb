/* fake_tree.c - see fake_tree.h. */
#include "fake_tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

void fake_tree_make(struct fake_tree *t)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(t->root, sizeof(t->root), "%.40s/mb-tree-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(t->root));
    assert_int_equal(chmod(t->root, 0755), 0); /* a child without privileges reads it too */
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st, (void)type, (void)where;
    return remove(path);
}

void fake_tree_remove(struct fake_tree *t)
{
    nftw(t->root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void full_path(const struct fake_tree *t, const char *path, char *full, size_t cap)
{
    assert_true((size_t)snprintf(full, cap, "%s%s", t->root, path) < cap);
}

static void make_folders(char *full)
{
    for (char *at = full + 1; (at = strchr(at, '/')); at++) {
        *at = '\0';
        if (mkdir(full, 0755) != 0 && errno != EEXIST)
            fail_msg("mkdir %s: %s", full, strerror(errno));
        *at = '/';
    }
}

void fake_tree_put(const struct fake_tree *t, const char *path, const char *text)
{
    char full[512];
    full_path(t, path, full, sizeof(full));
    make_folders(full);
    FILE *f = fopen(full, "w");
    assert_non_null(f);
    fprintf(f, "%s\n", text);
    assert_int_equal(fclose(f), 0);
}

void fake_tree_put_number(const struct fake_tree *t, const char *path, int64_t value)
{
    char text[24];
    snprintf(text, sizeof(text), "%020lld", (long long)value);
    fake_tree_put(t, path, text);
}

int fake_tree_open(const struct fake_tree *t, const char *path)
{
    char full[512];
    full_path(t, path, full, sizeof(full));
    const int fd = open(full, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

void fake_write_number(int fd, int64_t value)
{
    char text[24];
    const int n = snprintf(text, sizeof(text), "%020lld\n", (long long)value);
    if (pwrite(fd, text, (size_t)n, 0) != n)
        abort(); /* not an assert: this runs on the ticking thread */
}

void fake_tree_put_process(const struct fake_tree *t, long pid, int anon_kb, int file_kb, int peak_kb)
{
    char path[64], text[256];
    snprintf(path, sizeof(path), "/proc/%ld/status", pid);
    snprintf(text, sizeof(text), "Name:\tworker\nVmHWM:\t %d kB\nVmRSS:\t %d kB\nRssAnon:\t %d kB\nRssFile:\t %d kB\nRssShmem:\t 0 kB",
             peak_kb, anon_kb + file_kb, anon_kb, file_kb);
    fake_tree_put(t, path, text);
    snprintf(path, sizeof(path), "/proc/%ld/statm", pid);
    snprintf(text, sizeof(text), "99999 %d %d 1 0 1 0", (anon_kb + file_kb) / 4, file_kb / 4);
    fake_tree_put(t, path, text);
    snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
    fake_tree_put(t, path, "1 (a ) name) S 1 2 3 4 5 6 700 8 9 10 11 12");
}

struct mb_collect_env fake_env(const struct fake_tree *t, uint64_t period_ns)
{
    return (struct mb_collect_env){.root = t ? t->root : "", .pid = getpid(), .period_ns = period_ns, .max_samples = 8192, .options = ""};
}

static void *tick(void *user)
{
    struct fake_ticker *t = user;
    const uint64_t begin = mb_clock_ns();
    while (!atomic_load(&t->stop)) {
        t->write(t->user, mb_clock_ns() - begin);
        const struct timespec pause = {.tv_nsec = 500000};
        nanosleep(&pause, NULL);
    }
    return NULL;
}

void fake_ticker_start(struct fake_ticker *t, void (*write)(void *user, uint64_t elapsed_ns), void *user)
{
    atomic_store(&t->stop, false);
    t->write = write;
    t->user = user;
    assert_int_equal(pthread_create(&t->thread, NULL, tick, t), 0);
}

void fake_ticker_stop(struct fake_ticker *t)
{
    atomic_store(&t->stop, true);
    pthread_join(t->thread, NULL);
}

const struct mb_record_metric *find_metric(const struct mb_record *r, enum mb_metric metric, const char *scope, const char *source)
{
    for (size_t i = 0; i < r->n_metrics; i++) {
        const struct mb_record_metric *m = &r->metrics[i];
        if (m->metric == metric && strcmp(m->scope, scope) == 0 && strcmp(m->source, source) == 0)
            return m;
    }
    return NULL;
}

const struct mb_record_stream *find_stream(const struct mb_record *r, const char *name, const char *channel)
{
    for (size_t i = 0; i < r->n_streams; i++)
        if (strcmp(r->streams[i].name, name) == 0 && strcmp(r->streams[i].channel, channel) == 0)
            return &r->streams[i];
    return NULL;
}

double known_value(const struct mb_record *r, enum mb_metric metric, const char *scope, const char *source)
{
    const struct mb_record_metric *m = find_metric(r, metric, scope, source);
    if (!m)
        fail_msg("no row %s '%s' of %s", mb_metric_rows[metric].name, scope, source);
    if (m->reason || isnan(m->value))
        fail_msg("%s '%s' of %s is unknown: %s", mb_metric_rows[metric].name, scope, source, m->reason);
    return m->value;
}

const char *absent_reason(const struct mb_record *r, enum mb_metric metric, const char *scope, const char *source)
{
    const struct mb_record_metric *m = find_metric(r, metric, scope, source);
    if (!m)
        fail_msg("no row %s '%s' of %s", mb_metric_rows[metric].name, scope, source);
    return m->reason ? m->reason : "";
}

void sleep_ms(unsigned ms)
{
    mb_clock_sleep_until_ns(mb_clock_ns() + ms * 1000000ull);
}
