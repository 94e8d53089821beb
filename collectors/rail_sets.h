/** rail_sets.h - which of a board's rails make up its total: data (rail_sets.def), as no file of the kernel says how rails nest. */
#ifndef MB_COLLECTORS_RAIL_SETS_H
#define MB_COLLECTORS_RAIL_SETS_H

#include "collectors/energy_meter.h"

/** mb_rail_set_choose() - put the rails of this board's row into set 1; where there is none, or a rail of it is missing, m->no_total says
 *  so in @reason, whose cap bytes must live as long as @m. */
void mb_rail_set_choose(struct mb_energy_meter *m, const char *root, char *reason, size_t cap);

#endif
