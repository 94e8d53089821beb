-- Peak resident memory, and the weights as executed.
SELECT label || CASE WHEN (SELECT count(DISTINCT shape) FROM v_name WHERE run_id = :run AND shape NOT IN ('accuracy', 'perplexity')) > 1 THEN ' · ' || replace(shape, 'micro ', '') ELSE '' END AS label,
       rss_peak_bytes / 1048576.0 AS rss_peak_mib, rss_peak_bytes_lo / 1048576.0 AS lo, rss_peak_bytes_hi / 1048576.0 AS hi,
       coalesce(weight_bytes, (SELECT weight_bytes FROM v_run_model m WHERE m.run_id = v_cell.run_id AND m.id = v_cell.model_id)) / 1048576.0
         AS weights_mib, n_ok AS n
FROM v_cell WHERE run_id = :run AND rss_peak_bytes IS NOT NULL AND workload IN ('micro', 'chat') ORDER BY shape NOT LIKE 'micro%', shape, rss_peak_bytes DESC, i_cell;
