/* backend_cpu.c - matrix products on the cores of this machine, by the kernel set that kernels/select.c picked. */
#include "backends/backend.h"

const struct eng_backend_ops eng_backend_cpu = {
    .info = {.name = "cpu", .summary = "the cores of this machine, widest instruction set that they have"},
    .matmul = eng_matmul_group,
    .expect = eng_matmul_expect,
};
