/**
 * rapl_domains.h - which RAPL domains add up, for both ways to read them (powercap, perf). Scopes: "package-0", "package-0/dram",
 * "package-0/core", "package-0/uncore", "psys".
 * Package holds core and uncore; dram is outside the package; psys is the platform and holds the packages (kernel:
 * Documentation/power/powercap; Intel SDM 3B, 15.10). Total = packages + their dram.
 */
#ifndef MB_COLLECTORS_RAPL_DOMAINS_H
#define MB_COLLECTORS_RAPL_DOMAINS_H

#include "collectors/energy_meter.h"

#define MB_RAPL_UPDATE_NS 1000000u /* the hardware's own */

/** mb_rapl_choose_total() - put the channels of @m that add up into set 1. */
void mb_rapl_choose_total(struct mb_energy_meter *m);

#endif
