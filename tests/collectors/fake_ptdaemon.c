/* fake_ptdaemon.c - see fake_ptdaemon.h. Nothing asserts on its thread. */
#include "fake_ptdaemon.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void pause_ms(unsigned ms)
{
    const struct timespec t = {.tv_nsec = (long)ms * 1000000};
    nanosleep(&t, NULL);
}

static void say(const struct fake_ptdaemon *d, int client, const char *text)
{
    size_t n = strlen(text), half = 0;
    if (d->mode == PTDAEMON_SLOW) {
        pause_ms(20);
        half = n / 2;
        if (send(client, text, half, MSG_NOSIGNAL) < 0)
            return;
        pause_ms(5);
    }
    if (send(client, text + half, n - half, MSG_NOSIGNAL) < 0)
        return;
}

/* Around midnight of the daemon's clock. */
static bool say_samples(const struct fake_ptdaemon *d, int client)
{
    char text[256];
    const unsigned n = d->n_samples + (d->mode == PTDAEMON_TOO_MANY ? 50 : 0);
    snprintf(text, sizeof(text), "Last %u samples\r\n", n);
    say(d, client, text);
    for (unsigned i = 0; i < n; i++) {
        const unsigned s = (86390 + i) % 86400;
        snprintf(text, sizeof(text), "Time,01-%02u-2021 %02u:%02u:%02u.313,Watts,%f,Volts,227.370000,Amps,0.204340,PF,0.494400,Mark,meltbench\r\n",
                 22 + (86390 + i) / 86400, s / 3600, s / 60 % 60, s % 60, d->watts);
        if (d->mode == PTDAEMON_GARBAGE && i % 4 == 1)
            snprintf(text, sizeof(text), "Time,,Watts,\001\002\r\n");
        if (d->mode == PTDAEMON_CUT && i == 5) {
            text[30] = '\0';
            say(d, client, text);
            return false;
        }
        say(d, client, text);
    }
    return true;
}

/* False: hang up. */
static bool answer(const struct fake_ptdaemon *d, int client, const char *command)
{
    if (d->mode == PTDAEMON_MUTE)
        return true;
    if (strcmp(command, "Hello") == 0)
        say(d, client, d->mode == PTDAEMON_STRANGER ? "220 mail ready\r\n" : "Hello, PTDaemon here!\r\n");
    else if (strcmp(command, "Go,1000,0,meltbench") == 0 && d->mode == PTDAEMON_HANGS_UP)
        return false;
    else if (strcmp(command, "Go,1000,0,meltbench") == 0)
        say(d, client, d->mode == PTDAEMON_REFUSES_GO ? "Error: measurement already running\r\n"
                                                       : "Starting untimed measurement, maximum 500000 samples at 1000ms with 0 rampup samples\r\n");
    else if (strcmp(command, "Stop") == 0) {
        if (d->mode == PTDAEMON_REFUSES_GO) /* after the client could have begun the next trial */
            pause_ms(50);
        say(d, client, "Stopping untimed measurement\r\n");
    }
    else if (strcmp(command, "RL") == 0 && d->mode == PTDAEMON_REFUSES_RL)
        say(d, client, "Invalid number of parameters\r\n");
    else if (strcmp(command, "RL") == 0)
        return say_samples(d, client);
    else
        say(d, client, "Unknown command\r\n");
    return true;
}

static bool readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 20) > 0;
}

static void serve(struct fake_ptdaemon *d, int client)
{
    char text[256];
    size_t n = 0;
    while (!atomic_load(&d->stop)) {
        if (!readable(client))
            continue;
        const ssize_t got = recv(client, text + n, sizeof(text) - 1 - n, 0);
        if (got <= 0)
            return;
        n += (size_t)got;
        text[n] = '\0';
        for (char *end; (end = strstr(text, "\r\n"));) {
            *end = '\0';
            if (!answer(d, client, text))
                return;
            atomic_fetch_add(&d->n_answered, 1);
            n -= (size_t)(end + 2 - text);
            memmove(text, end + 2, n + 1);
        }
    }
}

static void *run(void *user)
{
    struct fake_ptdaemon *d = user;
    while (!atomic_load(&d->stop)) {
        if (!readable(d->listener))
            continue;
        const int client = accept(d->listener, NULL, NULL);
        if (client < 0)
            continue;
        serve(d, client);
        close(client);
    }
    return NULL;
}

void fake_ptdaemon_start(struct fake_ptdaemon *d, enum ptdaemon_mode mode)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(address);
    *d = (struct fake_ptdaemon){.mode = mode, .watts = 10, .listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    assert_int_equal(bind(d->listener, (struct sockaddr *)&address, n), 0);
    assert_int_equal(listen(d->listener, 4), 0);
    assert_int_equal(getsockname(d->listener, (struct sockaddr *)&address, &n), 0);
    d->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&d->thread, NULL, run, d), 0);
}

void fake_ptdaemon_stop(struct fake_ptdaemon *d)
{
    atomic_store(&d->stop, true);
    pthread_join(d->thread, NULL);
    close(d->listener);
}
