/** profile_run.h - a prefill and a decode of one configuration under the engine's operator trace, in this process. */
#ifndef MB_HARNESS_PROFILE_RUN_H
#define MB_HARNESS_PROFILE_RUN_H

#include "base/cell.h"
#include "harness/profile.h"
#include "harness/trace_json.h"

struct mb_profile_wish {
    const struct mb_cell *cell;
    uint32_t n_prompt, n_gen, n_depth; /* tokens: prefill in one call, decoded one by one, in the cache before (not traced) */
    struct mb_trace_json *trace;       /* NULL, or open */
};

/** mb_profile_run() - the wall time of a phase is that of its engine calls, stamped here; decode includes choosing the next token, which is
 *  an operator "sample" of ours. An unmeasured short run comes before. Tokens are pseudo-random, the next one is the likeliest.
 *  @kernels (may be NULL) receives the name of the kernel set: static. */
int mb_profile_run(struct mb_profile *profile, const struct mb_profile_wish *wish, const char **kernels, struct mb_error *err) MB_MUST_CHECK;

#endif
