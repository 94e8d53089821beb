/* machine.c - the fingerprint of a run; see machine.h. */
#include "harness/machine.h"

#include <stdlib.h>
#include <string.h>

#include "base/sysroot.h"
#include "build_info.h"
#include "harness/machine_cpu.h"
#include "harness/machine_facts.h"

static char *dump(json_t *json)
{
    char *text = json ? json_dumps(json, JSON_SORT_KEYS | JSON_COMPACT) : NULL;
    json_decref(json);
    return text;
}

static int read_device(struct mb_machine *m, const char *root, struct mb_error *err)
{
    char host[256] = "unknown", kernel[256] = "";
    const long long kib = mb_machine_memory_kib(root, "MemTotal");
    const int no_host = mb_sys_read_text(root, "/proc/sys/kernel/hostname", host, sizeof(host), NULL);
    const int no_kernel = mb_sys_read_text(root, "/proc/sys/kernel/osrelease", kernel, sizeof(kernel), NULL);
    m->device.name = strdup(no_host ? "unknown" : host);
    m->device.cpu = mb_machine_cpu_name(root);
    m->device.kernel = no_kernel ? NULL : strdup(kernel);
    m->device.facts_json = dump(mb_machine_facts(root));
    m->device.n_cores = mb_machine_cores(root, 0).n_physical;
    m->device.memory_bytes = kib < 0 ? -1 : kib * 1024;
    m->conditions_json = dump(mb_machine_conditions(root));
    if (!m->device.name || !m->device.cpu || (!no_kernel && !m->device.kernel) || !m->device.facts_json || !m->conditions_json)
        return mb_fail(err, MB_ENOMEM, "no memory for the facts of this machine");
    return MB_OK;
}

int mb_machine_read(struct mb_machine *m, const char *root, struct mb_error *err)
{
    *m = (struct mb_machine){0};
    root = root ? root : "";
    int rc = read_device(m, root, err);
    if (!rc)
        rc = mb_digest_file("/proc/self/exe", m->binary_sha256, NULL, err);
    if (rc) {
        mb_machine_release(m);
        return rc;
    }
    m->n_physical_cores = mb_machine_physical_cores(root);
    m->build = (struct mb_db_build){.version = MB_VERSION, .commit = MB_COMMIT, .compiler = MB_COMPILER, .flags = MB_C_FLAGS,
                                    .type = MB_BUILD_TYPE, .sanitizer = MB_SANITIZER, .binary_sha256 = m->binary_sha256};
    return MB_OK;
}

void mb_machine_release(struct mb_machine *m)
{
    free((char *)m->device.name);
    free((char *)m->device.cpu);
    free((char *)m->device.kernel);
    free((char *)m->device.facts_json);
    free(m->conditions_json);
    *m = (struct mb_machine){0};
}
