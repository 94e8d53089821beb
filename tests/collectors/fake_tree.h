/**
 * fake_tree.h - a throw-away root with fake /sys and /proc files, values that tick, and look-ups in the record that came back.
 * Values are written with pwrite at a fixed width, so a reader never sees a half-written or truncated number.
 */
#ifndef MB_TESTS_FAKE_TREE_H
#define MB_TESTS_FAKE_TREE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/record.h"
#include "collectors/collector.h"

struct fake_tree {
    char root[64];
};

void fake_tree_make(struct fake_tree *t);
void fake_tree_remove(struct fake_tree *t);
/** Write a file, making its folders. @path as on the real machine: "/sys/class/..." */
void fake_tree_put(const struct fake_tree *t, const char *path, const char *text);
void fake_tree_put_number(const struct fake_tree *t, const char *path, int64_t value);
int fake_tree_open(const struct fake_tree *t, const char *path); /* for fake_write_number() */
void fake_write_number(int fd, int64_t value);
/** The three files that proc_mem reads, with the given kB. */
void fake_tree_put_process(const struct fake_tree *t, long pid, int anon_kb, int file_kb, int peak_kb);

struct mb_collect_env fake_env(const struct fake_tree *t, uint64_t period_ns);

/** A thread that writes value(t) into files until stopped. */
struct fake_ticker {
    pthread_t thread;
    atomic_bool stop;
    void (*write)(void *user, uint64_t elapsed_ns);
    void *user;
};
void fake_ticker_start(struct fake_ticker *t, void (*write)(void *user, uint64_t elapsed_ns), void *user);
void fake_ticker_stop(struct fake_ticker *t);

const struct mb_record_metric *find_metric(const struct mb_record *r, enum mb_metric metric, const char *scope, const char *source);
const struct mb_record_stream *find_stream(const struct mb_record *r, const char *name, const char *channel);
double known_value(const struct mb_record *r, enum mb_metric metric, const char *scope, const char *source); /* fails when absent */
const char *absent_reason(const struct mb_record *r, enum mb_metric metric, const char *scope, const char *source); /* "" when known */

void sleep_ms(unsigned ms);

#endif
