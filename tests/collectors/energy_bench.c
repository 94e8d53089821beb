/* energy_bench.c - see energy_bench.h. */
#include "energy_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "base/clock.h"

uint64_t __real_mb_clock_ns(void);
uint64_t __wrap_mb_clock_ns(void);
ssize_t __real_pread64(int fd, void *buf, size_t n, off64_t offset);
ssize_t __wrap_pread64(int fd, void *buf, size_t n, off64_t offset);

_Atomic uint64_t bench_now_ns;
atomic_int bench_pread_fails;

uint64_t __wrap_mb_clock_ns(void)
{
    const uint64_t now = atomic_load(&bench_now_ns);
    return now ? now : __real_mb_clock_ns();
}

ssize_t __wrap_pread64(int fd, void *buf, size_t n, off64_t offset)
{
    if (!atomic_load(&bench_pread_fails))
        return __real_pread64(fd, buf, n, offset);
    errno = ENODEV;
    return -1;
}

int bench_setup(void **state)
{
    struct bench *b = calloc(1, sizeof(*b));
    fake_tree_make(&b->tree);
    atomic_store(&bench_now_ns, 500u * MS);
    *state = b;
    return 0;
}

static void close_collector(struct bench *b)
{
    if (b->state)
        b->ops->close(b->state);
    free(b->state);
    b->state = NULL;
}

int bench_teardown(void **state)
{
    struct bench *b = *state;
    atomic_store(&bench_now_ns, 0);
    atomic_store(&bench_pread_fails, 0);
    close_collector(b);
    mb_record_release(&b->record);
    fake_tree_remove(&b->tree);
    free(b);
    return 0;
}

void bench_open_with(struct bench *b, const char *name, const char *options, uint64_t period_ns)
{
    struct mb_collect_env env = fake_env(&b->tree, period_ns);
    struct mb_error err = {0};
    env.options = options;
    close_collector(b);
    b->ops = mb_collector_find(name);
    assert_non_null(b->ops);
    b->state = calloc(1, b->ops->state_size);
    if (b->ops->open(b->state, &env, &err))
        fail_msg("%s: %s", name, err.text);
}

void bench_open(struct bench *b, const char *name, uint64_t period_ns)
{
    bench_open_with(b, name, "", period_ns);
}

void bench_pass_ms(unsigned ms)
{
    atomic_fetch_add(&bench_now_ns, ms * (uint64_t)MS);
}

void bench_run(struct bench *b, unsigned ms, unsigned total_ms)
{
    b->ops->poll(b->state, mb_clock_ns());
    for (unsigned at = 0; at < total_ms; at += ms) {
        bench_pass_ms(ms);
        b->ops->poll(b->state, mb_clock_ns());
    }
}

void bench_read(struct bench *b)
{
    mb_record_release(&b->record);
    memset(&b->record, 0, sizeof(b->record));
    assert_int_equal(b->ops->read(b->state, &b->record, NULL), 0);
}

double bench_energy(struct bench *b, const char *scope)
{
    return known_value(&b->record, MB_METRIC_ENERGY_UJ, scope, b->ops->name);
}

double bench_error(struct bench *b, const char *scope)
{
    return known_value(&b->record, MB_METRIC_ENERGY_ERROR_UJ, scope, b->ops->name);
}

const char *bench_no_energy(struct bench *b, const char *scope)
{
    return absent_reason(&b->record, MB_METRIC_ENERGY_UJ, scope, b->ops->name);
}

const char *bench_absent(struct bench *b, const char *name, struct mb_error *why)
{
    const struct mb_collect_env env = fake_env(&b->tree, 10 * MS);
    memset(why, 0, sizeof(*why));
    assert_int_equal(mb_collector_find(name)->probe(&env, why), MB_ENOTSUP);
    return why->text;
}
