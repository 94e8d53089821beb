SELECT source AS file, cpu_info AS processor, coalesce(model_type, model_filename) AS model, backends, n_threads AS threads,
       CASE WHEN n_prompt > 0 THEN 'pp' || n_prompt ELSE '' END || CASE WHEN n_prompt > 0 AND n_gen > 0 THEN '+' ELSE '' END
       || CASE WHEN n_gen > 0 THEN 'tg' || n_gen ELSE '' END || CASE WHEN n_depth > 0 THEN ' @ d' || n_depth ELSE '' END AS test,
       printf('%.2f', avg_ts) || coalesce(printf(' ± %.2f', stddev_ts), '') AS "tokens/s (mean ± sd)", build_commit AS build, test_time AS measured
FROM llama_bench WHERE provenance = 'imported' ORDER BY source, model, n_depth, n_gen, n_prompt;
