/* cpu_list.c - see cpu_list.h. */
#include "base/cpu_list.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void eng_cpus_usable(cpu_set_t *set)
{
    CPU_ZERO(set);
    if (sched_getaffinity(0, sizeof *set, set) == 0 && CPU_COUNT(set) > 0)
        return;
    const long n = sysconf(_SC_NPROCESSORS_ONLN);
    for (long i = 0; i < (n > 0 ? n : 1) && i < CPU_SETSIZE; i++)
        CPU_SET((size_t)i, set);
}

/* --- the cgroup ------------------------------------------------------------------------------------------------ */

static bool read_line(const char *root, const char *dir, const char *file, char *buf, size_t cap)
{
    char path[1400];
    if ((size_t)snprintf(path, sizeof path, "%s%s/%s", root, dir, file) >= sizeof path)
        return false;
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    const bool ok = fgets(buf, (int)cap, f) != NULL;
    fclose(f);
    return ok;
}

static double quota_of(const char *root, const char *dir)
{
    char line[64];
    double quota = 0, period = 0;
    if (read_line(root, dir, "cpu.max", line, sizeof line)) /* "max 100000" or "150000 100000" */
        return sscanf(line, "%lf %lf", &quota, &period) == 2 && period > 0 ? quota / period : 0;
    if (read_line(root, dir, "cpu.cfs_quota_us", line, sizeof line))
        quota = atof(line);
    if (quota > 0 && read_line(root, dir, "cpu.cfs_period_us", line, sizeof line))
        period = atof(line);
    return quota > 0 && period > 0 ? quota / period : 0;
}

/* A limit of any group above binds too. @group is cut on the way up. */
static double tightest(const char *root, const char *mount, char *group)
{
    double least = 0;
    for (;;) {
        char dir[1200];
        snprintf(dir, sizeof dir, "%s%s", mount, strcmp(group, "/") == 0 ? "" : group);
        const double q = quota_of(root, dir);
        if (q > 0 && (least <= 0 || q < least))
            least = q;
        char *slash = strrchr(group, '/');
        if (!slash || !*group)
            return least;
        *slash = '\0';
    }
}

uint32_t eng_cpu_quota(const char *root)
{
    char path[1024], line[1024];
    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    FILE *f = fopen(path, "re");
    double least = 0;
    while (f && fgets(line, sizeof line, f)) { /* "0::/group" of version 2, "4:cpu,cpuacct:/group" of version 1 */
        char *names = strchr(line, ':'), *group = names ? strchr(names + 1, ':') : NULL;
        if (!group)
            continue;
        *group++ = '\0';
        group[strcspn(group, "\n")] = '\0';
        const bool v2 = names[1] == '\0', v1 = strstr(names, "cpu,") || strstr(names, ",cpu") || strcmp(names + 1, "cpu") == 0;
        const double q = v2 ? tightest(root, "/sys/fs/cgroup", group) : v1 ? tightest(root, "/sys/fs/cgroup/cpu", group) : 0;
        if (q > 0 && (least <= 0 || q < least))
            least = q;
    }
    if (f)
        fclose(f);
    const uint32_t whole = least > 0 && least < CPU_SETSIZE ? (uint32_t)least : 0;
    return least > 0 && least < CPU_SETSIZE ? whole + (least > whole) : 0;
}

/* --- text ------------------------------------------------------------------------------------------------------ */

static int bad(const char *text, struct eng_error *err)
{
    return eng_fail(err, ENG_EINVAL, "'%s' names no processors: write bits (0x5), or numbers and ranges (0-3+8)", text);
}

static int parse_bits(const char *text, cpu_set_t *set, struct eng_error *err)
{
    const char *digits = text + 2;
    const size_t n = strlen(digits);
    if (n == 0 || n > CPU_SETSIZE / 4 || strspn(digits, "0123456789abcdefABCDEF") != n)
        return bad(text, err);
    for (size_t i = 0; i < n; i++) {
        const char c = (char)tolower((unsigned char)digits[n - 1 - i]);
        const int value = c >= 'a' ? c - 'a' + 10 : c - '0';
        for (size_t bit = 0; bit < 4; bit++)
            if (value >> bit & 1)
                CPU_SET(4 * i + bit, set);
    }
    return CPU_COUNT(set) ? ENG_OK : bad(text, err);
}

static bool read_number(const char **p, unsigned long *n)
{
    char *end;
    if (!isdigit((unsigned char)**p))
        return false;
    *n = strtoul(*p, &end, 10);
    *p = end;
    return *n < CPU_SETSIZE;
}

int eng_cpu_list_parse(const char *text, cpu_set_t *set, struct eng_error *err)
{
    CPU_ZERO(set);
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
        return parse_bits(text, set, err);
    const char *p = text;
    do {
        unsigned long first, last;
        p += p != text; /* a separator */
        if (!read_number(&p, &first))
            return bad(text, err);
        last = first;
        if (*p == '-') {
            p++;
            if (!read_number(&p, &last) || last < first)
                return bad(text, err);
        }
        for (unsigned long i = first; i <= last; i++)
            CPU_SET(i, set);
    } while (*p == ',' || *p == '+');
    return *p ? bad(text, err) : ENG_OK;
}

char *eng_cpu_list_format(const cpu_set_t *set, char *buf, size_t cap)
{
    size_t used = 0;
    buf[0] = '\0';
    for (size_t i = 0; i < CPU_SETSIZE; i++) {
        if (!CPU_ISSET(i, set))
            continue;
        size_t last = i;
        while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, set))
            last++;
        const int n = last > i ? snprintf(buf + used, cap - used, "%s%zu-%zu", used ? "+" : "", i, last)
                               : snprintf(buf + used, cap - used, "%s%zu", used ? "+" : "", i);
        if (n < 0 || (size_t)n >= cap - used) {
            snprintf(buf + (cap > 4 ? (used < cap - 4 ? used : cap - 4) : 0), 4, "...");
            return buf;
        }
        used += (size_t)n;
        i = last;
    }
    return buf;
}
