/* memory_cap.c - see memory_cap.h. */
#include "harness/memory_cap.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sysroot.h"
#include "harness/machine_cpu.h"

#define MOUNT "/sys/fs/cgroup"

/* Opens an attribute of a group for writing; its path is @dir/@name. */
static int open_attribute(const char *root, const char *dir, const char *name)
{
    char path[500];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return mb_sys_open_write(root, path, NULL);
}

static bool write_attribute(const char *root, const char *dir, const char *name, const char *text)
{
    const int fd = open_attribute(root, dir, name);
    if (fd < 0)
        return false;
    const bool ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    const int why = errno;
    close(fd);
    errno = why;
    return ok;
}

static bool read_attribute(const char *root, const char *dir, const char *name, char *text, size_t n)
{
    char path[500];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return mb_sys_read_text(root, path, text, n, NULL) >= 0;
}

static bool has_word(const char *text, const char *word)
{
    const size_t n = strlen(word);
    for (const char *p = text; (p = strstr(p, word)); p += n)
        if ((p == text || p[-1] == ' ') && (p[n] == '\0' || p[n] == ' '))
            return true;
    return false;
}

static void remove_group(struct mb_memory_cap *cap)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s%s", cap->root, cap->group);
    rmdir(path);
    cap->group[0] = '\0';
}

/* A group for the worker in this one, which must hand memory on to its children (a group with processes of its own cannot, unless it
 * is the root: "no internal processes"). */
static bool make_group(struct mb_memory_cap *cap, const char *parent)
{
    static unsigned n_made;
    char text[400], path[PATH_MAX];
    if (!read_attribute(cap->root, parent, "cgroup.subtree_control", text, sizeof(text)))
        return false;
    if (!has_word(text, "memory") && !write_attribute(cap->root, parent, "cgroup.subtree_control", "+memory"))
        return false;
    snprintf(cap->group, sizeof(cap->group), "%.360s/meltbench-%d-%u", parent, (int)getpid(), n_made++);
    snprintf(path, sizeof(path), "%s%s", cap->root, cap->group);
    if (mkdir(path, 0755)) {
        cap->group[0] = '\0';
        return false;
    }
    snprintf(text, sizeof(text), "%" PRIu64, cap->n_bytes);
    if (write_attribute(cap->root, cap->group, "memory.max", text) && (cap->fd_procs = open_attribute(cap->root, cap->group, "cgroup.procs")) >= 0) {
        (void)write_attribute(cap->root, cap->group, "memory.swap.max", "0"); /* absent without swap accounting: then there is none to hide in */
        return true;
    }
    const int why = errno;
    remove_group(cap);
    errno = why;
    return false;
}

void mb_memory_cap_open(struct mb_memory_cap *cap, uint64_t n_bytes, const char *root)
{
    *cap = (struct mb_memory_cap){.n_bytes = n_bytes, .fd_procs = -1, .root = root};
    if (n_bytes == 0)
        return;
    char path[256], dir[300], text[400], *table = mb_machine_slurp(root, "/proc/self/cgroup");
    const bool unified = table && mb_machine_cgroup_path(table, "", path, sizeof(path));
    free(table);
    if (!unified || !read_attribute(root, MOUNT, "cgroup.controllers", text, sizeof(text))) {
        snprintf(cap->why_not, sizeof(cap->why_not), "no cgroup v2 at " MOUNT);
        return;
    }
    snprintf(dir, sizeof(dir), MOUNT "%s", strcmp(path, "/") == 0 ? "" : path);
    if (make_group(cap, dir))
        return;
    int why = errno;
    char *slash = strrchr(dir, '/');
    if (strcmp(path, "/") != 0 && slash) { /* beside ours: where a session manager delegated the folder above */
        *slash = '\0';
        if (make_group(cap, dir))
            return;
        why = errno;
    }
    snprintf(cap->why_not, sizeof(cap->why_not), "no group with a memory limit can be made at %.60s: %s", path, strerror(why));
}

bool mb_memory_cap_enter(const struct mb_memory_cap *cap)
{
    if (cap->n_bytes == 0)
        return true;
    if (cap->fd_procs >= 0)
        return write(cap->fd_procs, "0", 1) == 1;
    const struct rlimit limit = {cap->n_bytes, cap->n_bytes};
    return setrlimit(RLIMIT_DATA, &limit) == 0;
}

bool mb_memory_cap_killed(const struct mb_memory_cap *cap)
{
    char text[400];
    if (!cap->group[0] || !read_attribute(cap->root, cap->group, "memory.events", text, sizeof(text)))
        return false;
    const char *line = strstr(text, "oom_kill ");
    return line && strtoul(line + strlen("oom_kill "), NULL, 10) > 0;
}

char *mb_memory_cap_name(const struct mb_memory_cap *cap, char *buf, size_t n)
{
    snprintf(buf, n, "%.4g MiB (%s)", (double)cap->n_bytes / 1048576.0, cap->group[0] ? "cgroup v2" : "RLIMIT_DATA");
    return buf;
}

void mb_memory_cap_close(struct mb_memory_cap *cap)
{
    if (cap->fd_procs >= 0)
        close(cap->fd_procs);
    if (cap->group[0])
        remove_group(cap);
    *cap = (struct mb_memory_cap)MB_MEMORY_CAP_NONE;
}
