-- Every cell: outcome and medians first, then its axes; "value [lo..hi]" has the interval of the median. printf() of NULL would be 0: iif.
SELECT i_cell AS "#", label AS setting, shape AS workload, n_ok || ' of ' || repetitions AS ok,
       iif(decode_tps IS NULL, NULL, printf('%.4g', decode_tps) || iif(decode_tps_lo IS NULL, '', printf(' [%.4g..%.4g]', decode_tps_lo,
         decode_tps_hi))) AS "decode tok/s",
       iif(prefill_tps IS NULL, NULL, printf('%.4g', prefill_tps) || iif(prefill_tps_lo IS NULL, '', printf(' [%.4g..%.4g]', prefill_tps_lo,
         prefill_tps_hi))) AS "prefill tok/s",
       iif(ttft_ns IS NULL, NULL, printf('%.4g', ttft_ns / 1e6)) AS "TTFT ms",
       iif(tpot_ns IS NULL, NULL, printf('%.4g', tpot_ns / 1e6)) AS "TPOT ms",
       iif(p90_ns IS NULL, NULL, printf('%.4g', p90_ns / 1e6)) AS "ITL p90 ms",
       iif(e2e_ns IS NULL, NULL, printf('%.4g', e2e_ns / 1e6)) AS "request ms",
       iif(rss_peak_bytes IS NULL, NULL, printf('%.0f', rss_peak_bytes / 1048576.0)) AS "peak MiB",
       iif(energy_per_token_uj IS NULL, NULL, printf('%.4g', energy_per_token_uj / 1e3)) AS "mJ/token",
       iif(accuracy IS NULL, NULL, printf('%.3f', accuracy)) AS accuracy,
       iif(perplexity IS NULL, NULL, printf('%.4g', perplexity)) AS perplexity,
       model_name AS model, backend, threads, quant, act, cache_type_k || '/' || cache_type_v AS "K/V cache", early_exit AS "early exit",
       token_reduction AS "token reduction", runner
FROM v_cell LEFT JOIN v_itl USING (cell_id) WHERE run_id = :run ORDER BY i_cell;
