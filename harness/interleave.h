/**
 * interleave.h - `order: interleaved`: repetition r of every cell of a group in turns, before repetition r + 1 of any, so that what drifts
 * (heat, load, clocks) meets all alike and A and B can be compared pair by pair.
 *
 * A group is all cells with the same workload and options, whatever their axes; groups come one after another. The turns of each round are
 * shuffled anew by seed and round (randomised blocks: Montgomery, Design and Analysis of Experiments, chapter 4). The round of a cell is its
 * number of stored measured rows, so a run that goes on takes up the round where it stopped; a cell that is ahead waits.
 *
 * Workers stay alive, loaded and warm, between their turns while the next one's memory fits: by file size, room_for() in interleave.c. Where it
 * does not, the worker that waited longest ends, and its cell gets a fresh one with warm-up at its next turn: slower, never wrong.
 */
#ifndef MB_HARNESS_INTERLEAVE_H
#define MB_HARNESS_INTERLEAVE_H

#include "harness/cell_run.h"

/** mb_interleave_run() - all cells of the plan. @order[n_cells]: the first cell of a group places the group. As mb_cell_run(). */
int mb_interleave_run(const struct mb_cell_host *host, const size_t *order, const int64_t *cell_ids, struct mb_cell_done *done,
                      struct mb_error *err) MB_MUST_CHECK;

#endif
