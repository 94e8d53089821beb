/* machine_cpu.c - see machine_cpu.h. Sources: Documentation/ABI/testing/sysfs-devices-system-cpu, cgroups(7), proc(5). */
#include "harness/machine_cpu.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "base/sysroot.h"
#include "harness/machine.h"

enum { MAX_SLURP = 1 << 20, MAX_KINDS = 8 };

static const char cpu_dir[] = "/sys/devices/system/cpu";

char *mb_machine_slurp(const char *root, const char *path)
{
    struct mb_strbuf sb = {0};
    char piece[4096];
    const int fd = mb_sys_open(root, path, NULL);
    if (fd < 0)
        return NULL;
    for (;;) {
        const ssize_t n = read(fd, piece, sizeof(piece));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 || sb.n_bytes > MAX_SLURP)
            break;
        mb_strbuf_add(&sb, piece, (size_t)n);
    }
    close(fd);
    return mb_strbuf_take(&sb);
}

/* Value of "key : value" in a line; false when the line has another key. */
static bool line_value(const char *line, const char *key, char *value, size_t cap)
{
    const size_t n = strlen(key);
    if (strncmp(line, key, n) != 0)
        return false;
    const char *p = line + n + strspn(line + n, " \t");
    if (*p++ != ':')
        return false;
    p += strspn(p, " \t");
    snprintf(value, cap, "%.*s", (int)strcspn(p, "\n"), p);
    return true;
}

static bool first_value(const char *text, const char *key, char *value, size_t cap)
{
    for (const char *line = text; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL)
        if (line_value(line, key, value, cap))
            return true;
    return false;
}

/* Main ID register's implementer 0x41; part numbers from Arm's technical reference manuals. */
static const struct { unsigned part; const char *name; } arm_parts[] = {
    {0xd03, "Cortex-A53"}, {0xd04, "Cortex-A35"}, {0xd05, "Cortex-A55"}, {0xd07, "Cortex-A57"}, {0xd08, "Cortex-A72"},
    {0xd09, "Cortex-A73"}, {0xd0a, "Cortex-A75"}, {0xd0b, "Cortex-A76"}, {0xd0c, "Neoverse-N1"}, {0xd0d, "Cortex-A77"},
    {0xd40, "Neoverse-V1"}, {0xd41, "Cortex-A78"}, {0xd42, "Cortex-A78AE"}, {0xd44, "Cortex-X1"}, {0xd46, "Cortex-A510"},
    {0xd47, "Cortex-A710"}, {0xd48, "Cortex-X2"}, {0xd49, "Neoverse-N2"}, {0xd4d, "Cortex-A715"}, {0xd4e, "Cortex-X3"},
    {0xd4f, "Neoverse-V2"}, {0xd80, "Cortex-A520"}, {0xd81, "Cortex-A720"}, {0xd82, "Cortex-X4"},
};

static void arm_name(unsigned implementer, unsigned part, char *name, size_t cap)
{
    for (size_t i = 0; implementer == 0x41 && i < sizeof(arm_parts) / sizeof(arm_parts[0]); i++) {
        if (arm_parts[i].part == part) {
            snprintf(name, cap, "%s", arm_parts[i].name);
            return;
        }
    }
    snprintf(name, cap, "core %02x:%03x", implementer, part);
}

/* Kinds of core in the order in which they come, with how many there are of each. */
static char *arm_cores(const char *cpuinfo)
{
    struct { unsigned implementer, part, n; } kinds[MAX_KINDS] = {0};
    size_t n_kinds = 0;
    unsigned implementer = 0;
    char value[64];
    for (const char *line = cpuinfo; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
        if (line_value(line, "CPU implementer", value, sizeof(value)))
            implementer = (unsigned)strtoul(value, NULL, 0);
        if (!line_value(line, "CPU part", value, sizeof(value)))
            continue;
        const unsigned part = (unsigned)strtoul(value, NULL, 0);
        size_t i = 0;
        while (i < n_kinds && (kinds[i].implementer != implementer || kinds[i].part != part))
            i++;
        if (i == MAX_KINDS)
            continue;
        n_kinds = i == n_kinds ? n_kinds + 1 : n_kinds;
        kinds[i].implementer = implementer;
        kinds[i].part = part;
        kinds[i].n++;
    }
    struct mb_strbuf sb = {0};
    for (size_t i = 0; i < n_kinds; i++) {
        arm_name(kinds[i].implementer, kinds[i].part, value, sizeof(value));
        mb_strbuf_printf(&sb, "%s%u x %s", i ? " + " : "", kinds[i].n, value);
    }
    return n_kinds ? mb_strbuf_take(&sb) : NULL;
}

char *mb_machine_cpu_name(const char *root)
{
    char value[256];
    char *cpuinfo = mb_machine_slurp(root, "/proc/cpuinfo"), *name = NULL;
    if (cpuinfo && !(name = arm_cores(cpuinfo)))
        if (first_value(cpuinfo, "model name", value, sizeof(value)) || first_value(cpuinfo, "uarch", value, sizeof(value)) ||
            first_value(cpuinfo, "cpu", value, sizeof(value)))
            name = strdup(value);
    free(cpuinfo);
    return name ? name : strdup("unknown");
}

static bool may_use(const char *root, int usable, unsigned cpu)
{
    cpu_set_t set;
    if (!usable || (root && *root) || sched_getaffinity(0, sizeof(set), &set) || cpu >= CPU_SETSIZE)
        return true;
    return CPU_ISSET(cpu, &set);
}

/* "0-3,8" as processor after processor; false at the end. */
static bool next_cpu(const char **p, unsigned *cpu, unsigned *last, bool *in_range)
{
    if (*in_range && *cpu < *last) {
        (*cpu)++;
        return true;
    }
    char *end;
    *p += **p == ',';
    if (!isdigit((unsigned char)**p))
        return false;
    *cpu = *last = (unsigned)strtoul(*p, &end, 10);
    if (*end == '-')
        *last = (unsigned)strtoul(end + 1, &end, 10);
    *in_range = true;
    *p = end;
    return true;
}

/* Processors that share a core name the same siblings; the core is counted where the first usable one comes by. */
static bool is_first_of_core(const char *root, unsigned cpu, char (*seen)[64], uint32_t n_seen, char siblings[64])
{
    char path[128];
    snprintf(path, sizeof(path), "%s/cpu%u/topology/core_cpus_list", cpu_dir, cpu);
    if (mb_sys_read_text(root, path, siblings, 64, NULL)) {
        snprintf(path, sizeof(path), "%s/cpu%u/topology/thread_siblings_list", cpu_dir, cpu);
        if (mb_sys_read_text(root, path, siblings, 64, NULL))
            snprintf(siblings, 64, "%u", cpu);
    }
    for (uint32_t i = 0; i < n_seen; i++)
        if (strcmp(seen[i], siblings) == 0)
            return false;
    return true;
}

/* Counts, and keeps the first processor of the first @cap cores. */
static struct mb_cores walk_cores(const char *root, int usable, unsigned *first_cpus, uint32_t cap)
{
    char path[64], online[512];
    struct mb_cores cores = {0};
    snprintf(path, sizeof(path), "%s/online", cpu_dir);
    if (mb_sys_read_text(root, path, online, sizeof(online), NULL)) {
        const long n = sysconf(_SC_NPROCESSORS_ONLN);
        snprintf(online, sizeof(online), "0-%ld", n > 0 ? n - 1 : 0);
    }
    char (*seen)[64] = NULL;
    const char *p = online;
    unsigned cpu = 0, last = 0;
    bool in_range = false;
    while (next_cpu(&p, &cpu, &last, &in_range) && cpu < CPU_SETSIZE) {
        char siblings[64];
        if (!may_use(root, usable, cpu))
            continue;
        cores.n_logical++;
        if (!is_first_of_core(root, cpu, seen, cores.n_physical, siblings))
            continue;
        void *grown = realloc(seen, (cores.n_physical + 1) * sizeof(*seen));
        if (!grown)
            break;
        seen = grown;
        if (cores.n_physical < cap)
            first_cpus[cores.n_physical] = cpu;
        memcpy(seen[cores.n_physical++], siblings, sizeof(siblings));
    }
    free(seen);
    return cores;
}

struct mb_cores mb_machine_cores(const char *root, int usable)
{
    const struct mb_cores cores = walk_cores(root, usable, NULL, 0);
    return cores.n_physical ? cores : (struct mb_cores){1, 1};
}

uint32_t mb_machine_core_cpus(const char *root, unsigned *cpus, uint32_t cap)
{
    const uint32_t n = walk_cores(root, 1, cpus, cap).n_physical;
    if (n == 0 && cap)
        cpus[0] = 0;
    return n == 0 && cap ? 1 : n < cap ? n : cap;
}

bool mb_machine_cgroup_path(const char *table, const char *controller, char *path, size_t cap)
{
    for (const char *line = table; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
        const char *names = strchr(line, ':'), *where = names ? strchr(names + 1, ':') : NULL;
        if (!where)
            continue;
        for (const char *p = names + 1; p <= where;) {
            const size_t n = strcspn(p, ",:");
            if (n == strlen(controller) && strncmp(p, controller, n) == 0) {
                snprintf(path, cap, "%.*s", (int)strcspn(where + 1, "\n"), where + 1);
                return true;
            }
            p += n + 1;
        }
    }
    return false;
}

/* Calls @limit for the group and each of its parents: the tightest one counts. Returns the least value that is above 0. */
static double tightest(const char *root, const char *mount, char *group, double (*limit)(const char *root, const char *dir))
{
    double least = 0;
    for (;;) {
        char dir[PATH_MAX];
        snprintf(dir, sizeof(dir), "%s%s", mount, strcmp(group, "/") == 0 ? "" : group);
        const double value = limit(root, dir);
        if (value > 0 && (least <= 0 || value < least))
            least = value;
        char *slash = strrchr(group, '/');
        if (!slash || !*group)
            return least;
        *slash = '\0';
    }
}

static double read_number(const char *root, const char *dir, const char *file)
{
    char path[PATH_MAX], text[64];
    snprintf(path, sizeof(path), "%.3000s/%s", dir, file);
    if (mb_sys_read_text(root, path, text, sizeof(text), NULL) || !isdigit((unsigned char)text[0]))
        return 0; /* absent, "max" or -1 */
    return strtod(text, NULL);
}

static double quota_v2(const char *root, const char *dir)
{
    char path[PATH_MAX], text[64];
    double quota, period;
    snprintf(path, sizeof(path), "%.3000s/cpu.max", dir);
    if (mb_sys_read_text(root, path, text, sizeof(text), NULL) || sscanf(text, "%lf %lf", &quota, &period) != 2 || period <= 0)
        return 0;
    return quota / period;
}

static double quota_v1(const char *root, const char *dir)
{
    const double quota = read_number(root, dir, "cpu.cfs_quota_us"), period = read_number(root, dir, "cpu.cfs_period_us");
    return quota > 0 && period > 0 ? quota / period : 0;
}

static double memory_v2(const char *root, const char *dir)
{
    return read_number(root, dir, "memory.max");
}

static double memory_v1(const char *root, const char *dir)
{
    const double limit = read_number(root, dir, "memory.limit_in_bytes");
    return limit < 0x1p60 ? limit : 0; /* "no limit" is LONG_MAX rounded down to pages */
}

static double cgroup_limit(const char *root, const char *controller, const char *mount_v1, double (*v1)(const char *, const char *),
                           double (*v2)(const char *, const char *))
{
    char group[1024];
    double limit = 0;
    char *table = mb_machine_slurp(root, "/proc/self/cgroup");
    if (table && mb_machine_cgroup_path(table, controller, group, sizeof(group)))
        limit = tightest(root, mount_v1, group, v1);
    if (table && limit <= 0 && mb_machine_cgroup_path(table, "", group, sizeof(group)))
        limit = tightest(root, "/sys/fs/cgroup", group, v2);
    free(table);
    return limit;
}

double mb_machine_cpu_quota(const char *root)
{
    return cgroup_limit(root, "cpu", "/sys/fs/cgroup/cpu", quota_v1, quota_v2);
}

uint64_t mb_machine_memory_limit(const char *root)
{
    return (uint64_t)cgroup_limit(root, "memory", "/sys/fs/cgroup/memory", memory_v1, memory_v2);
}

uint32_t mb_machine_physical_cores(const char *root)
{
    const uint32_t n = mb_machine_cores(root, 1).n_physical;
    const double quota = mb_machine_cpu_quota(root);
    const uint32_t allowed = quota > 0 && quota < 65536 ? (uint32_t)ceil(quota) : n;
    return allowed < n ? allowed : n;
}

json_t *mb_machine_cpu_flags(const char *root)
{
    static const char *const wanted[] = {
        "sse4_2", "avx", "f16c", "fma", "avx2", "avx_vnni", "avx512f", "avx512bw", "avx512vl", "avx512_vnni", "avx512_bf16", "avx512_fp16",
        "amx_tile", "amx_int8", "amx_bf16", "asimd", "asimdhp", "asimddp", "i8mm", "bf16", "sve", "sve2", "sme", "hypervisor",
    };
    json_t *flags = json_array();
    char *cpuinfo = mb_machine_slurp(root, "/proc/cpuinfo");
    static const char *const keys[] = {"flags", "Features"};
    char list[4096] = " ";
    for (size_t k = 0; cpuinfo && k < 2 && !list[1]; k++)
        first_value(cpuinfo, keys[k], list + 1, sizeof(list) - 2);
    strcat(list, " ");
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        char word[40];
        snprintf(word, sizeof(word), " %s ", wanted[i]);
        if (strstr(list, word))
            json_array_append_new(flags, json_string(wanted[i]));
    }
    free(cpuinfo);
    return flags;
}

/* "48K", "4096K", "2M" */
static int64_t parse_size(const char *text)
{
    char *end;
    const long long n = strtoll(text, &end, 10);
    return end == text ? -1 : n * (*end == 'K' ? 1024 : *end == 'M' ? 1048576 : 1);
}

json_t *mb_machine_caches(const char *root)
{
    json_t *caches = json_array();
    for (int i = 0; i < 8; i++) {
        char path[128], type[32] = "", size[32], shared[128] = "";
        int64_t level;
        snprintf(path, sizeof(path), "%s/cpu0/cache/index%d/level", cpu_dir, i);
        if (mb_sys_read_i64(root, path, &level, NULL))
            break;
        snprintf(path, sizeof(path), "%s/cpu0/cache/index%d/type", cpu_dir, i);
        const int no_type = mb_sys_read_text(root, path, type, sizeof(type), NULL);
        snprintf(path, sizeof(path), "%s/cpu0/cache/index%d/shared_cpu_list", cpu_dir, i);
        const int no_shared = mb_sys_read_text(root, path, shared, sizeof(shared), NULL);
        snprintf(path, sizeof(path), "%s/cpu0/cache/index%d/size", cpu_dir, i);
        const int no_size = mb_sys_read_text(root, path, size, sizeof(size), NULL);
        json_array_append_new(caches, json_pack("{s:I, s:s?, s:o, s:s?}", "level", (json_int_t)level, "type", no_type ? NULL : type, "bytes",
                                                no_size || parse_size(size) < 0 ? json_null() : json_integer(parse_size(size)),
                                                "shared_cpus", no_shared ? NULL : shared));
    }
    return caches;
}
