/* test_session_model.c - the engine behind the session: what the model table says, and a file that is no model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/digest.h"
#include "campaign.h"

static const char *tiny_model(void)
{
    const char *path = campaign_tiny_model();
    if (!path)
        skip();
    return path;
}

static void the_model_table_says_what_was_executed(void **state)
{
    (void)state;
    const char *path = tiny_model();
    static const struct campaign_cell cells[] = {{"stories", 8, 2, NULL}, {"stories ", 8, 2, NULL}};
    struct campaign c;
    campaign_open(&c, cells, 2);
    campaign_use_engine(&c, 0, path);
    assert_int_equal(campaign_run(&c), 0);
    assert_int_equal(campaign_number(&c, "SELECT count(*) FROM trial WHERE kind = 'measured' AND status = 'ok'"), 4);
    assert_int_equal(campaign_number(&c, "SELECT count(*) FROM model"), 1); /* both cells ran the same weights */
    assert_int_equal(campaign_number(&c, "SELECT count(*) FROM cell JOIN model ON model.id = model_id WHERE sha256 <> ''"), 2);
    char hex[MB_DIGEST_HEX];
    uint64_t n_bytes;
    assert_int_equal(mb_digest_file(path, hex, &n_bytes, NULL), MB_OK);
    assert_string_equal(campaign_query(&c, "SELECT sha256 FROM model"), hex);
    assert_int_equal(campaign_number(&c, "SELECT file_bytes FROM model"), n_bytes);
    assert_string_equal(campaign_query(&c, "SELECT name || ' ' || quant FROM model"), "stories260K.bin file");
    assert_int_equal(campaign_number(&c, "SELECT n_params BETWEEN 200000 AND 400000 AND weight_bytes BETWEEN 4 * 200000 AND 4 * 400000 FROM model"), 1);
    assert_int_equal(campaign_number(&c, "SELECT sum(t.value ->> '$.bytes') = model.weight_bytes FROM model, json_each(model.tensor_types) t"), 1);
    assert_int_equal(campaign_number(&c, "SELECT min(type = 'f32' AND stored_type = 'f32' AND n_bytes = 4 * n_rows * n_cols AND stored_bytes = n_bytes) FROM model_tensor"), 1);
    assert_int_equal(campaign_number(&c, "SELECT sum(n_bytes) BETWEEN 4 * 200000 AND (SELECT weight_bytes FROM model) FROM model_tensor"), 1);
    assert_int_equal(campaign_number(&c, "SELECT bits_per_weight = 32 FROM v_model"), 1);
    /* Greedy, the same prompt: the same output in every repetition and worker. */
    assert_int_equal(campaign_number(&c, "SELECT count(DISTINCT value) FROM metric WHERE name = 'output_hash'"), 1);
    assert_int_equal(campaign_number(&c, "SELECT count(*) FROM event JOIN trial t ON t.id = trial_id WHERE t.kind = 'cold' AND event.kind = 'load_end' AND t_ns > 0"), 2);
    campaign_close(&c);
}

static void a_file_that_is_no_model_fails_its_cell_with_the_reason(void **state)
{
    (void)state;
    static const struct campaign_cell cells[] = {{"broken", 8, 3, NULL}};
    struct campaign c;
    char path[100];
    campaign_open(&c, cells, 1);
    snprintf(path, sizeof(path), "%s/broken.gguf", c.dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("GGUF but not really a model", f);
    fclose(f);
    campaign_use_engine(&c, 0, path);
    assert_int_equal(campaign_run(&c), 1);
    assert_string_equal(campaign_query(&c, "SELECT status FROM trial ORDER BY repetition"), "failed\nfailed\nskipped");
    assert_non_null(strstr(campaign_query(&c, "SELECT reason FROM trial WHERE repetition = 0"), "broken.gguf"));
    assert_int_equal(campaign_number(&c, "SELECT count(*) FROM model"), 0);
    campaign_close(&c);
}

int main(int argc, char **argv)
{
    const int worker = campaign_worker(argc, argv);
    if (worker >= 0)
        return worker;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_model_table_says_what_was_executed),
        cmocka_unit_test(a_file_that_is_no_model_fails_its_cell_with_the_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
