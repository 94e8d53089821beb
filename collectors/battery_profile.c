/* battery_profile.c - see battery_profile.h. */
#include "collectors/battery_profile.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sysroot.h"

struct row {
    const char *name, *match;
    struct mb_battery_profile profile;
    const char *note;
};

static const struct row rows[] = {
#define BATTERY_PROFILE(name, match, ua, sign, note) {name, match, {ua, sign}, note},
#include "collectors/battery_profiles.def"
#undef BATTERY_PROFILE
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static int parse_line(const char *line, const char *path, int number, struct mb_battery_profile *p, struct mb_error *err)
{
    char key[32], *end;
    int n = 0;
    line += strspn(line, " \t\r\n");
    if (!*line || *line == '#')
        return MB_OK;
    if (sscanf(line, "%31[a-z_] = %n", key, &n) == 1 && n > 0) {
        const double value = strtod(line + n, &end);
        const bool whole_line = end != line + n && end[strspn(end, " \t\r\n")] == '\0';
        if (whole_line && strcmp(key, "current_ua_per_unit") == 0 && value > 0 && value <= 1e6) {
            p->current_ua_per_unit = value;
            return MB_OK;
        }
        if (whole_line && strcmp(key, "current_sign") == 0 && (value == 1 || value == -1 || value == 0)) {
            p->current_sign = (int)value;
            return MB_OK;
        }
    }
    return mb_fail(err, MB_EINVAL, "%s:%d: 'current_ua_per_unit = NUMBER' or 'current_sign = 1, -1 or 0' is wanted here", path, number);
}

static int read_file(const char *path, struct mb_battery_profile *p, struct mb_error *err)
{
    char line[256];
    int rc = MB_OK, number = 0;
    FILE *f = fopen(path, "re");
    if (!f)
        return mb_fail_errno(err, MB_EINVAL, "battery:profile=%s", path);
    *p = (struct mb_battery_profile){0};
    while (rc == MB_OK && fgets(line, sizeof(line), f))
        rc = parse_line(line, path, ++number, p, err);
    fclose(f);
    if (rc == MB_OK && !(p->current_ua_per_unit > 0))
        rc = mb_fail(err, MB_EINVAL, "%s: no line 'current_ua_per_unit = NUMBER'", path);
    return rc;
}

static bool begins(const char *text, const char *with)
{
    return with[0] && strncmp(text, with, strlen(with)) == 0;
}

int mb_battery_profile_find(const char *name, const char *supply, const char *root, struct mb_battery_profile *profile,
                            struct mb_error *err)
{
    char model[128], names[200] = "";
    size_t at = 0;
    if (strchr(name, '/'))
        return read_file(name, profile, err);
    if (mb_sys_read_text(root, "/proc/device-tree/model", model, sizeof(model), NULL))
        model[0] = '\0';
    for (size_t i = 0; i < N_ROWS; i++) {
        const bool fits = name[0] ? strcmp(rows[i].name, name) == 0 : begins(supply, rows[i].match) || begins(model, rows[i].match);
        if (fits) {
            *profile = rows[i].profile;
            return MB_OK;
        }
        at += (size_t)snprintf(names + at, sizeof(names) - at, "%s%s", i ? ", " : "", rows[i].name);
    }
    if (name[0])
        return mb_fail(err, MB_EINVAL, "battery:profile=%s: known are %s, or the path of a file", name, names);
    return mb_fail(err, MB_ENOTSUP, "the unit of current_now is not known for this device: battery:profile=NAME says it (%s, or the path of a "
                                    "file)", names);
}
