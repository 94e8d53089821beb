-- Early exit and token reduction against the same cell without them.
SELECT label || CASE WHEN (SELECT count(DISTINCT shape) FROM v_method WHERE run_id = :run) > 1 THEN ' · ' || replace(shape, 'micro ', '') ELSE '' END AS label,
       speedup, decode_tps_lo / baseline_tps AS lo, decode_tps_hi / baseline_tps AS hi,
       trim(iif(acceptance IS NULL, '', printf('%.0f %% of drafts accepted, ', 100 * acceptance))
            || iif(token_reduction = 'none' OR kept IS NULL OR seen IS NULL, '', printf('%.0f of %.0f tokens kept, ', kept, seen))
            || CASE same_output WHEN 1 THEN 'same output' WHEN 0 THEN 'other output' ELSE '' END, ', ') AS note,
       n_ok AS n, acceptance, kept_ratio, kv_bytes, rss_peak_bytes, baseline_rss_peak_bytes, same_output
FROM v_method WHERE run_id = :run AND NOT is_baseline ORDER BY shape NOT LIKE 'micro%', shape, speedup DESC, i_cell;
