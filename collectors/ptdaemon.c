/* ptdaemon.c - client of SPEC's PTDaemon, which talks to certified power analysers and is asked over TCP. Options:
 *   host=NAME    where it runs; without it the collector is not available
 *   port=N       8888
 *   accuracy=P   limit of error of the analyser in percent, a part of energy_error_uj
 *   error=P      of the window rule (energy_meter.h): it gives one reading a second, so 1 % takes trials of 100 s
 * A line a command, CR LF after it; a line an answer. Hello once; a measurement of its own around every trial: Go when it starts, Stop when it
 * ends, both sent without waiting; then RL fetches what was measured: "Last N samples", N lines "Time,01-22-2021 15:05:14.313,Watts,22.97,...".
 * Times are the daemon's and of another machine: only their differences are used, the first reading is that of the first second after Go
 * was answered. Ranges are left as they are set in the daemon.
 * The daemon is not public: this follows its public clients (mlcommons/power-dev) and was tried against our own fake only. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "collectors/energy_collector.h"
#include "collectors/line_source.h"
#include "collectors/meter_log.h"
#include "collectors/options.h"

#define CONNECT_MS 5000
#define ANSWER_MS 10000u
#define PERIOD_NS 1000000000ull
#define DAY_MS 86400000ll

struct ptdaemon {
    struct mb_meter_log log;
    struct mb_line_source lines;
    char host[200], port[8];
    bool go_answered;
    uint64_t t_go_ns;
    char answer[MB_LINE_BYTES]; /* the latest line that was waited for */
    char reason[240];           /* why this trial has no energy, or "" */
};

static int parse_options(struct ptdaemon *s, const char *text, struct mb_error *err)
{
    double port;
    int rc = mb_collector_options_check(text, "host port accuracy error", err);
    if (rc == MB_OK)
        rc = mb_collector_option_number(text, "port", 1, 65535, 8888, &port, err);
    if (rc)
        return rc;
    snprintf(s->port, sizeof(s->port), "%.0f", port);
    return mb_collector_option_text(text, "host", s->host, sizeof(s->host))
               ? MB_OK
               : mb_fail(err, MB_ENOTSUP, "not asked for: name where it runs, ptdaemon:host=192.168.1.5");
}

static int connect_within(const struct addrinfo *a, int timeout_ms)
{
    const int fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);
    if (fd < 0)
        return -1;
    int cause = connect(fd, a->ai_addr, a->ai_addrlen) == 0 ? 0 : errno;
    if (cause == EINPROGRESS) {
        struct pollfd p = {.fd = fd, .events = POLLOUT};
        socklen_t n = sizeof(cause);
        if (poll(&p, 1, timeout_ms) <= 0)
            cause = ETIMEDOUT;
        else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &cause, &n) != 0)
            cause = errno;
    }
    if (cause == 0)
        return fd;
    close(fd);
    errno = cause;
    return -1;
}

static int dial(struct ptdaemon *s, struct mb_error *err)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    const int rc = getaddrinfo(s->host, s->port, &hints, &list);
    if (rc)
        return mb_fail(err, MB_ENOTSUP, "%s: %s", s->host, gai_strerror(rc));
    int fd = -1;
    for (const struct addrinfo *a = list; a && fd < 0; a = a->ai_next)
        fd = connect_within(a, CONNECT_MS);
    const int cause = errno;
    freeaddrinfo(list);
    if (fd < 0)
        return mb_fail(err, MB_ENOTSUP, "%s port %s: %s; is PTDaemon running there?", s->host, s->port, strerror(cause));
    mb_line_attach(&s->lines, fd);
    return MB_OK;
}

/* Without waiting: a command is far smaller than what a socket takes at once. */
static void say(struct ptdaemon *s, const char *command)
{
    const size_t n = strlen(command);
    if (s->lines.fd && send(s->lines.fd - 1, command, n, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)n)
        s->lines.gone = true;
}

static bool take_answer(void *user, char *line)
{
    struct ptdaemon *s = user;
    snprintf(s->answer, sizeof(s->answer), "%s", line);
    return true;
}

static bool is_refusal(const char *line)
{
    return strstr(line, "Error") || strstr(line, "Invalid number of parameters") || strstr(line, "Unknown command");
}

/* The next line into s->answer. False: nothing came, or a refusal; s->reason says so. */
static bool await_answer(struct ptdaemon *s, const char *to)
{
    struct mb_error err = {0};
    if (mb_line_await(&s->lines, ANSWER_MS, take_answer, s, &err)) {
        snprintf(s->reason, sizeof(s->reason), "PTDaemon did not answer %s: %.150s; the next cell asks again", to, err.text);
        mb_line_close(&s->lines); /* an answer that comes later would be taken for another command's */
    } else if (is_refusal(s->answer))
        snprintf(s->reason, sizeof(s->reason), "PTDaemon answered %s with: %.150s", to, s->answer);
    return s->reason[0] == '\0';
}

static int ptdaemon_probe(const struct mb_collect_env *env, struct mb_error *why)
{
    struct ptdaemon s = {0};
    const int rc = parse_options(&s, env->options, why);
    if (rc == MB_OK)
        mb_fail(why, MB_OK, "%s port %s", s.host, s.port);
    return rc;
}

static int ptdaemon_open(void *state, const struct mb_collect_env *env, struct mb_error *err)
{
    static const char *const scope = "analyser";
    struct ptdaemon *s = state;
    int rc = parse_options(s, env->options, err);
    if (rc == MB_OK)
        rc = mb_meter_log_open(&s->log, "ptdaemon", env, &scope, 1, err);
    if (rc == MB_OK)
        rc = dial(s, err);
    if (rc)
        return rc;
    mb_meter_log_total(&s->log, 0, NULL);
    say(s, "Hello\r\n");
    if (!await_answer(s, "Hello"))
        return mb_fail(err, MB_ENOTSUP, "%s port %s: %s", s->host, s->port, s->reason);
    if (!strstr(s->answer, "PTDaemon"))
        return mb_fail(err, MB_ENOTSUP, "%s port %s is no PTDaemon: it says '%.80s'", s->host, s->port, s->answer);
    return MB_OK;
}

static void ptdaemon_start(void *state)
{
    struct ptdaemon *s = state;
    s->reason[0] = '\0';
    s->log.gone = NULL;
    s->go_answered = false;
    mb_line_drop(&s->lines, false);
    mb_meter_log_start(&s->log, mb_clock_ns());
    say(s, "Go,1000,0,meltbench\r\n");
}

static void take_go(struct ptdaemon *s, const char *line)
{
    s->go_answered = true;
    s->t_go_ns = mb_clock_ns();
    if (is_refusal(line))
        snprintf(s->reason, sizeof(s->reason), "PTDaemon answered Go with: %.150s", line);
}

static void ptdaemon_poll(void *state, uint64_t now_ns)
{
    struct ptdaemon *s = state;
    char *line;
    (void)now_ns;
    if (!s->go_answered && mb_line_next(&s->lines, &line) == MB_LINE_WHOLE)
        take_go(s, line);
}

static void ptdaemon_stop(void *state)
{
    struct ptdaemon *s = state;
    mb_meter_log_stop(&s->log, mb_clock_ns());
    say(s, "Stop\r\n");
}

/* Value of "key,value" in a comma list into a number; false where it is not there. */
static bool field_number(const char *line, const char *key, double *value)
{
    const size_t n_key = strlen(key);
    for (const char *p = line; p; p = (p = strchr(p, ',')) ? p + 1 : NULL)
        if (strncmp(p, key, n_key) == 0 && p[n_key] == ',') {
            char *end;
            *value = strtod(p + n_key + 1, &end);
            return end != p + n_key + 1 && (*end == ',' || *end == '\0') && *value > -1e6 && *value < 1e6;
        }
    return false;
}

/* "Time,MM-DD-YYYY HH:MM:SS.mmm,Watts,W,...": milliseconds of the day, microwatts. */
static bool parse_sample(const char *line, long long *ms, double *uw)
{
    unsigned month, day, year, h, m, s, milli;
    double watts;
    if (sscanf(line, "Time,%2u-%2u-%4u %2u:%2u:%2u.%3u", &month, &day, &year, &h, &m, &s, &milli) != 7 || h > 23 || m > 59 || s > 60 ||
        !field_number(line, "Watts", &watts))
        return false;
    *ms = ((h * 60LL + m) * 60 + s) * 1000 + milli;
    *uw = watts * 1e6;
    return true;
}

static void take_sample(struct ptdaemon *s, const char *line, long long *first_ms, long long *last_ms)
{
    long long ms;
    double uw;
    if (!parse_sample(line, &ms, &uw)) {
        mb_meter_log_bad(&s->log);
        return;
    }
    if (s->log.n_good == 0)
        *first_ms = *last_ms = ms;
    while (ms < *last_ms - DAY_MS / 2)
        ms += DAY_MS; /* midnight */
    *last_ms = ms;
    const uint64_t t_ns = s->t_go_ns + PERIOD_NS + (uint64_t)((ms - *first_ms) * 1000000);
    mb_meter_log_add(&s->log, t_ns, t_ns, &uw);
}

/* Stop was said although Go was refused: its answer shall not be taken for the next Go's. */
static void skip_answer(struct ptdaemon *s)
{
    struct mb_error err;
    if (s->lines.fd && mb_line_await(&s->lines, ANSWER_MS, take_answer, s, &err))
        mb_line_close(&s->lines);
}

/* What was measured between Go and Stop; false with s->reason. */
static bool fetch(struct ptdaemon *s)
{
    long long first_ms = 0, last_ms = 0;
    unsigned n, n_most = (unsigned)((s->log.t_stop_ns - s->log.t_start_ns) / PERIOD_NS) + 2;
    if (!s->go_answered && await_answer(s, "Go")) {
        take_go(s, s->answer);
        s->t_go_ns = s->log.t_start_ns; /* it was not looked at in time */
    }
    if (s->reason[0]) {
        skip_answer(s);
        return false;
    }
    if (!await_answer(s, "Stop"))
        return false;
    say(s, "RL\r\n");
    if (!await_answer(s, "RL"))
        return false;
    if (sscanf(s->answer, "Last %u samples", &n) != 1) {
        snprintf(s->reason, sizeof(s->reason), "PTDaemon answered RL with: %.150s", s->answer);
        return false;
    }
    if (n > n_most) {
        snprintf(s->reason, sizeof(s->reason), "PTDaemon has %u readings of one second of a trial of %.1f s: they are not of this trial alone", n,
                 (double)(s->log.t_stop_ns - s->log.t_start_ns) / 1e9);
        mb_line_close(&s->lines); /* they are on their way */
        return false;
    }
    for (unsigned i = 0; i < n; i++) {
        if (!await_answer(s, "RL"))
            return false;
        take_sample(s, s->answer, &first_ms, &last_ms);
    }
    return true;
}

static int ptdaemon_read(void *state, struct mb_record *record, struct mb_error *err)
{
    struct ptdaemon *s = state;
    if (!fetch(s))
        s->log.gone = s->reason;
    return mb_meter_log_read(&s->log, record, err);
}

static void ptdaemon_close(void *state)
{
    struct ptdaemon *s = state;
    mb_line_close(&s->lines);
    mb_meter_log_close(&s->log);
}

extern const struct mb_collector_ops mb_collector_ptdaemon;
const struct mb_collector_ops mb_collector_ptdaemon = {
    .abi = MB_COLLECTOR_ABI,
    .name = "ptdaemon",
    .group = "energy",
    .summary = "power analyser behind SPEC's PTDaemon: host=NAME, port=N, accuracy=PERCENT, error=PERCENT",
    .flags = MB_COLLECTOR_POLLED | MB_COLLECTOR_NAMED,
    .state_size = sizeof(struct ptdaemon),
    .metrics = mb_energy_metrics,
    .probe = ptdaemon_probe,
    .open = ptdaemon_open,
    .start = ptdaemon_start,
    .phase = mb_energy_hook_phase,
    .poll = ptdaemon_poll,
    .stop = ptdaemon_stop,
    .read = ptdaemon_read,
    .close = ptdaemon_close,
};
