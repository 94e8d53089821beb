-- views.sql - derived metrics; the formula is the comment. Recreated on every open for writing, so a view is never out of date.
-- The plots know only these. All plain SQL (no registered functions): the sqlite3 shell sees the same numbers.
-- Medians: row_number() over the sorted group, mean of the two middle values.

-- v_trial: one row per trial with its axes.
--   columns: run_id, cell_id, trial_id, hash, model, backend, threads, quant, act, cache_type_k, cache_type_v, early_exit,
--            token_reduction, runner, workload, options, kind, repetition, status, reason, duration_ns

-- v_request: one row per request of an ok trial.
--   n_prompt       value of prefill_end
--   n_gen          value of request_end
--   tokenize_ns    tokenize_end - tokenize_begin
--   prefill_ns     prefill_end - prefill_begin
--   ttft_ns        token 0 - request_begin                       (time to first token)
--   decode_ns      last token - token 0
--   tpot_ns        decode_ns / (n_gen - 1)                        (time per output token; NULL when n_gen < 2)
--   e2e_ns         request_end - request_begin
--   prefill_tps    n_prompt * 1e9 / prefill_ns
--   decode_tps     1e9 / tpot_ns

-- v_gap: one row per inter-token gap: trial, request, i_token, itl_ns = token i - token i-1

-- v_cell: one row per cell: medians over measured ok trials (per-trial value = total over its requests), their count, min, max

-- v_cell_metric: per cell, metric name, scope, source: median, min, max, n, origin; NULL and reason where all are unknown

-- v_problem: cells and trials that are failed, skipped, invalid or refused, with the reason

-- v_prefill, v_decode ... further views as the figures need them
