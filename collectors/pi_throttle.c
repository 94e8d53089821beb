/* pi_throttle.c - see pi_throttle.h. */
#include "collectors/pi_throttle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sysroot.h"
#include "collectors/vcio.h"

#define SINCE_BOOT_SHIFT 16

static const char *const scopes[MB_PI_BITS] = {"pi-under-voltage", "pi-capped", "pi-throttled", "pi-soft-limit"};

void mb_pi_throttle_open(struct mb_pi_throttle *p, const char *root)
{
    char **names;
    size_t n = 0;
    struct mb_error err = {0};
    *p = (struct mb_pi_throttle){0};
    if (mb_sys_list(root, "/dev", "vcio", &names, &n, NULL) == MB_OK)
        mb_sys_list_free(names, n);
    p->is_pi = n > 0;
    const int fd = p->is_pi ? mb_vcio_open(root, &err) : -1;
    p->fd = fd < 0 ? 0 : fd + 1;
    snprintf(p->reason, sizeof(p->reason), "%.159s", err.text);
}

void mb_pi_throttle_start(struct mb_pi_throttle *p)
{
    p->n = p->n_errors = 0;
    memset(p->rises, 0, sizeof(p->rises));
    memset(p->at_work, 0, sizeof(p->at_work));
}

void mb_pi_throttle_look(struct mb_pi_throttle *p)
{
    char reply[MB_VCIO_REPLY_BYTES], *end;
    if (!p->fd)
        return;
    if (mb_vcio_command(p->fd - 1, "get_throttled", reply) || strncmp(reply, "throttled=0x", 12) != 0) {
        p->n_errors++;
        return;
    }
    const uint32_t bits = (uint32_t)strtoul(reply + 10, &end, 16);
    if (end == reply + 12) {
        p->n_errors++;
        return;
    }
    for (uint32_t i = 0; i < MB_PI_BITS; i++) {
        const bool now = bits >> i & 1;
        p->rises[i] += p->n > 0 && now && !(p->last >> i & 1);
        p->at_work[i] = p->at_work[i] || now;
    }
    p->first = p->n++ ? p->first : bits;
    p->last = bits;
}

void mb_pi_throttle_close(struct mb_pi_throttle *p)
{
    if (p->fd)
        close(p->fd - 1);
    *p = (struct mb_pi_throttle){0};
}

/* How often kind @i came, or why that cannot be told. */
static const char *count_of(const struct mb_pi_throttle *p, uint32_t i, double *count)
{
    const bool before = p->first >> (i + SINCE_BOOT_SHIFT) & 1, after = p->last >> (i + SINCE_BOOT_SHIFT) & 1;
    *count = p->rises[i] ? p->rises[i] : after && !before;
    if (p->reason[0])
        return p->reason;
    if (p->n < 2 || p->n_errors)
        return "the firmware did not answer get_throttled at every look";
    return before && !p->at_work[i] ? "not seen, but the firmware's mark was set before the trial and cannot tell of moments between two looks: restart the board"
                                    : NULL;
}

static int put(struct mb_record *record, enum mb_metric metric, const char *scope, double value, const char *reason)
{
    return reason ? mb_record_add_absent(record, metric, scope, "thermal", reason)
                  : mb_record_add_metric(record, metric, scope, "thermal", MB_ORIGIN_MEASURED, value);
}

int mb_pi_throttle_record(const struct mb_pi_throttle *p, struct mb_record *record, double *n_rises, const char **unknown)
{
    int rc = MB_OK;
    for (uint32_t i = 0; rc == MB_OK && p->is_pi && i < MB_PI_BITS; i++) {
        double count;
        const char *reason = count_of(p, i, &count);
        *unknown = reason ? reason : *unknown;
        *n_rises += reason ? 0 : count;
        rc = put(record, MB_METRIC_THROTTLE_COUNT, scopes[i], count, reason);
        if (rc == MB_OK)
            rc = put(record, MB_METRIC_THROTTLE_STATE, scopes[i], p->at_work[i] || count > 0, reason);
    }
    return rc;
}
