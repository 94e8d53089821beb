/* `meltbench quantize` as a user types it: table, file, exit codes, one line for each mistake, nothing left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cli_scene.h"

#define QUANTIZE "\"$MB\" quantize "

static void contains(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("no '%s' in:\n%s", part, text);
}

static void a_dry_run_prints_every_tensor_and_writes_nothing(void **state)
{
    (void)state;
    struct cli c = sh("mkdir dry && cd dry && " QUANTIZE "--dry-run ../$TINY Q8_0 --tensor-type 'blk.2.attn_?.weight=f16' && ls");
    assert_int_equal(c.code, 0);
    contains(c.out, "tensor                    shape     from     to              bytes     bits  why\n");
    contains(c.out, "token_embd.weight         64 x 264  f32      q8_0            17952   8.5000  format\n");
    contains(c.out, "blk.0.attn_norm.weight    64        f32      f32               256  32.0000  kept\n");
    contains(c.out, "blk.2.attn_q.weight       64 x 64   q4_0     f16              8192  16.0000  override\n");
    contains(c.out, "blk.3.attn_q.weight       64 x 64   q4_0     q8_0             4352   8.5000  format\n");
    contains(c.out, "tiny.gguf: q8_0, 39 tensors (30 converted, 0 by fallback)");
    assert_int_equal(cli_count_lines(c.out), 1 + 39 + 1); /* and ls has nothing to say */
    contains(c.err, "note: 28 tensors were quantized before");
    assert_int_equal(cli_count_lines(c.err), 1);
    cli_free(&c);
    c = sh(QUANTIZE "--dry-run $TINY not-written.gguf q4_0 && ! test -e not-written.gguf");
    assert_int_equal(c.code, 0);
    contains(c.out, "fallback: 64 columns do not fit q6_k");
    cli_free(&c);
}

static void a_written_file_generates_text(void **state)
{
    (void)state;
    struct cli c = sh(QUANTIZE "$TINY small.gguf q8_0 -t 2 && ls -l small.gguf | awk '{print $5}' && ls *.tmp");
    assert_int_equal(c.code, 2); /* of ls: no temporary file */
    contains(c.out, "small.gguf: q8_0, 39 tensors");
    char *size = sh_text("ls -l small.gguf | awk '{print $5}'"), *said = sh_text(QUANTIZE "--dry-run -q $TINY q8_0 | tail -1");
    size[strcspn(size, "\n")] = 0;
    contains(said, size);
    free(size);
    free(said);
    cli_free(&c);
    /* what --quant makes at load is what stands in the file */
    char *file = sh_text("\"$MB\" generate -m small.gguf -p hello -n 8"), *load = sh_text("\"$MB\" generate -m $TINY --quant Q8_0 -p hello -n 8");
    assert_string_equal(file, load);
    free(file);
    free(load);
}

static void mistakes_are_one_line_and_change_nothing(void **state)
{
    (void)state;
    sh_fails(2, "IN OUT TYPE|--dry-run", QUANTIZE "$TINY q8_0");
    sh_fails(2, "IN|TYPE", QUANTIZE "$TINY");
    sh_fails(2, "'q8_00'|q8_0", QUANTIZE "$TINY x.gguf q8_00");
    sh_fails(2, "is the input itself", QUANTIZE "$TINY ./$TINY q8_0");
    sh_fails(2, "folder", QUANTIZE "$TINY . q8_0");
    sh_fails(2, "not PATTERN=TYPE", QUANTIZE "$TINY x.gguf q8_0 --tensor-type attn_v");
    sh_fails(2, "not PATTERN=TYPE", QUANTIZE "$TINY x.gguf q8_0 --tensor-type =q8_0");
    sh_fails(2, "'attn_v'|matches no matrix", QUANTIZE "$TINY x.gguf q8_0 --tensor-type attn_v=q8_0");
    sh_fails(2, "'q9'", QUANTIZE "$TINY x.gguf q8_0 --output-type q9");
    sh_fails(1, "none.gguf", QUANTIZE "none.gguf x.gguf q8_0");
    sh_fails(1, "cut.gguf|truncated", QUANTIZE "$CUT x.gguf q8_0");
    sh_fails(1, "No such file", QUANTIZE "$TINY missing/x.gguf q8_0");
    sh_fails(1, "File too large", "trap '' XFSZ; ulimit -f 20; " QUANTIZE "$TINY x.gguf q8_0");
    struct cli c = sh("ls x.gguf* *.tmp 2>/dev/null");
    assert_string_equal(c.out, "");
    cli_free(&c);
}

/* Wherever the signal comes: the old file or the whole new one, and nothing else. 143: before the command watched for signals, or after. */
static void an_interrupt_leaves_the_old_file_or_the_new_one(void **state)
{
    (void)state;
    free(sh_text(QUANTIZE "-q $TINY whole.gguf q4_1 >/dev/null"));
    for (int i = 0; i < 10; i++) {
        struct cli c = sh("echo old >kept.gguf; " QUANTIZE "-q $TINY kept.gguf q4_1 >/dev/null & sleep 0.00%d; kill -TERM $! 2>/dev/null; wait $!; code=$?; "
                          "ls *.tmp 2>/dev/null; case $code in 130) grep -qx old kept.gguf;; 143) grep -qx old kept.gguf || cmp kept.gguf whole.gguf;; 0) cmp kept.gguf whole.gguf;; *) echo $code;; esac", i);
        if (c.code != 0 || *c.out)
            fail_msg("delay %d: exit %d: %s %s", i, c.code, c.out, c.err);
        cli_free(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dry_run_prints_every_tensor_and_writes_nothing),
        cmocka_unit_test(a_written_file_generates_text),
        cmocka_unit_test(mistakes_are_one_line_and_change_nothing),
        cmocka_unit_test(an_interrupt_leaves_the_old_file_or_the_new_one),
    };
    return cmocka_run_group_tests(tests, scene_begin, scene_end);
}
