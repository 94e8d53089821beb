/**
 * memory_forecast.h - how much memory a cell's process will need, before it runs: an estimate, stored beside what is then measured
 * (peak_predicted_bytes beside rss_peak_bytes) and held against what the machine has. docs/collectors.md says how far it was off.
 */
#ifndef MB_HARNESS_MEMORY_FORECAST_H
#define MB_HARNESS_MEMORY_FORECAST_H

#include <stddef.h>

#include "base/cell.h"
#include "base/error.h"
#include "runners/runner.h"

struct mb_memory_forecast { /* bytes */
    struct mb_memory_need need; /* the runner's own accounting */
    uint64_t process_bytes;     /* the worker without a model, by this process */
    uint64_t peak_bytes;        /* all together; 0: unknown, see why_not */
    char why_not[200];
};

/** mb_memory_forecast() - opens the cell's workload (for the context that it needs) and asks its runner, which reads the header of the model
 *  and no weights, in a child process: some ten milliseconds. Never fails: what cannot be told has peak_bytes 0 and the reason. @root: prefix of /proc. */
void mb_memory_forecast(struct mb_memory_forecast *f, const struct mb_cell *cell, const char *root);

/** mb_memory_shortage() - why @peak_bytes will not fit into what this machine has available, this control group may use or @limit_mib allows
 *  (0: no limit), as a sentence in buf[cap]; NULL when it fits. */
const char *mb_memory_shortage(uint64_t peak_bytes, uint32_t limit_mib, const char *root, char *buf, size_t cap);

#endif
