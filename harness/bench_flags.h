/** bench_flags.h - llama-bench's command line: flags that mean nothing here (bench_flag.def), and flags given several times. */
#ifndef MB_HARNESS_BENCH_FLAGS_H
#define MB_HARNESS_BENCH_FLAGS_H

#include "base/error.h"
#include "harness/options.h"

struct mb_bench_flags {
#define BENCH_FLAG(id, name, alias, value, harmless, rule, why) const char *id;
#include "harness/bench_flag.def"
#undef BENCH_FLAG
};

/** mb_bench_flags_check() - MB_EINVAL for one that would measure something else; else a line on standard error for each that has no effect here. */
int mb_bench_flags_check(const struct mb_bench_flags *flags, struct mb_error *err) MB_MUST_CHECK;

/** mb_bench_flags_join() - "-p 1 -m a -p 2" -> "-p 1,2 -m a" for options of @command whose value is a LIST: llama-bench adds up what is repeated.
 *  Changes argv in place and returns the new argc. Joined texts stay until the process ends (*kept[] owns them: free with
 *  mb_bench_flags_free()). */
struct mb_bench_joined { char *text[64]; size_t n; };
int mb_bench_flags_join(const struct mb_command *command, int argc, char **argv, struct mb_bench_joined *kept);
void mb_bench_flags_free(struct mb_bench_joined *kept);

#endif
