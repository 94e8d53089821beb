-- Decode rate of every cell that generates, fastest first within a shape.
SELECT label || CASE WHEN (SELECT count(DISTINCT shape) FROM v_name WHERE run_id = :run AND shape NOT IN ('accuracy', 'perplexity')) > 1 THEN ' · ' || replace(shape, 'micro ', '') ELSE '' END AS label,
       decode_tps, decode_tps_lo, decode_tps_hi, n_ok AS n, ci_coverage
FROM v_cell WHERE run_id = :run AND decode_tps IS NOT NULL AND workload IN ('micro', 'chat') ORDER BY shape NOT LIKE 'micro%', shape, decode_tps DESC, i_cell;
