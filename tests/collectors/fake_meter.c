/* fake_meter.c - see fake_meter.h. */
#include "fake_meter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static void pause_us(unsigned us)
{
    const struct timespec t = {.tv_sec = us / 1000000u, .tv_nsec = (long)(us % 1000000u) * 1000};
    nanosleep(&t, NULL);
}

void fake_meter_plug(struct fake_meter *m)
{
    *m = (struct fake_meter){.master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)};
    assert_true(m->master >= 0);
    assert_int_equal(grantpt(m->master), 0);
    assert_int_equal(unlockpt(m->master), 0);
    assert_int_equal(ptsname_r(m->master, m->path, sizeof(m->path)), 0);
    m->watch = open(m->path, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    assert_true(m->watch >= 0);
}

void fake_meter_unplug(struct fake_meter *m)
{
    if (m->master >= 0) {
        close(m->master);
        close(m->watch);
    }
    m->master = m->watch = -1;
}

/* The kernel hands bytes over by itself, a moment later. */
void fake_meter_say(struct fake_meter *m, const char *text)
{
    int before = 0, now = 0;
    const int n = (int)strlen(text);
    assert_int_equal(ioctl(m->watch, FIONREAD, &before), 0);
    assert_int_equal(write(m->master, text, (size_t)n), n);
    for (int i = 0; i < 100000 && now < before + n; i++) {
        assert_int_equal(ioctl(m->watch, FIONREAD, &now), 0);
        if (now < before + n)
            pause_us(10);
    }
    assert_int_equal(now, before + n);
}

static void *talk(void *user)
{
    struct fake_meter *m = user;
    char text[256];
    for (uint64_t n = 0; !atomic_load(&m->stop); n++) {
        const size_t n_text = m->line(m->user, n, text, sizeof(text));
        if (n_text > 0 && write(m->master, text, n_text) < 0)
            break; /* not an assert: this is another thread */
        pause_us(m->interval_us);
    }
    return NULL;
}

void fake_meter_talk(struct fake_meter *m, unsigned interval_us, size_t (*line)(void *user, uint64_t n, char *text, size_t cap), void *user)
{
    atomic_store(&m->stop, false);
    m->interval_us = interval_us;
    m->line = line;
    m->user = user;
    assert_int_equal(pthread_create(&m->thread, NULL, talk, m), 0);
}

void fake_meter_quiet(struct fake_meter *m)
{
    atomic_store(&m->stop, true);
    pthread_join(m->thread, NULL);
    pause_us(20000); /* what is on its way arrives, and start() of the collector drops it */
}

size_t fake_smartpower3_line(char *text, size_t cap, uint32_t ms, unsigned in_mw, unsigned out_mw)
{
    unsigned sum = 0, xor = 0;
    int n = snprintf(text, cap, "%010u,%05u,%04u,%05u,%d,%05u,%04u,%05u,%d,00,00000,0000,00000,0,00,", ms, in_mw ? 15000u : 0, in_mw / 15,
                     in_mw, in_mw > 0, out_mw ? 5000u : 0, out_mw / 5, out_mw, out_mw > 0);
    for (int i = 0; i < n; i++) {
        sum -= (unsigned char)text[i];
        xor ^= (unsigned char)text[i];
    }
    n += snprintf(text + n, cap - (size_t)n, "%02x,%02x\r\n", sum & 0xffu, xor);
    return (size_t)n;
}
