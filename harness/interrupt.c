/* interrupt.c - see interrupt.h. */
#include "harness/interrupt.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"

static bool is_ignored(int signal_number)
{
    struct sigaction now;
    return sigaction(signal_number, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

int mb_interrupt_open(struct mb_interrupt *in, void (*on_first)(void *), void *user, struct mb_error *err)
{
    *in = (struct mb_interrupt){.fd = -1, .on_first = on_first, .user = user};
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT); /* also where a shell ignores it for a background job: kill -INT is meant for us */
    sigaddset(&set, SIGTERM);
    if (!is_ignored(SIGHUP))
        sigaddset(&set, SIGHUP);
    in->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (in->fd < 0)
        return mb_fail_errno(err, MB_EFAILED, "signalfd");
    sigprocmask(SIG_BLOCK, &set, &in->mask_before);
    return MB_OK;
}

unsigned mb_interrupt_count(struct mb_interrupt *in)
{
    struct signalfd_siginfo info;
    while (in->fd >= 0 && read(in->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        if (++in->n == 1 && in->on_first)
            in->on_first(in->user);
    return in->n + (in->n && in->at_once);
}

unsigned mb_interrupt_sleep(struct mb_interrupt *in, uint64_t ns)
{
    const uint64_t until = mb_clock_ns() + ns;
    for (uint64_t now = mb_clock_ns(); mb_interrupt_count(in) == 0 && now < until; now = mb_clock_ns()) {
        struct pollfd p = {.fd = in->fd, .events = POLLIN};
        const uint64_t left_ms = (until - now + 999999u) / 1000000u;
        poll(&p, 1, left_ms > 1000 ? 1000 : (int)left_ms);
    }
    return in->n;
}

void mb_interrupt_close(struct mb_interrupt *in)
{
    if (in->fd < 0)
        return;
    mb_interrupt_count(in);
    close(in->fd);
    in->fd = -1;
    sigprocmask(SIG_SETMASK, &in->mask_before, NULL);
}
