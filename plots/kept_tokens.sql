-- Tokens in the cache at the end of a repetition, cells with token reduction and their baselines.
SELECT label || CASE WHEN (SELECT count(DISTINCT shape) FROM v_method WHERE run_id = :run) > 1 THEN ' · ' || replace(shape, 'micro ', '') ELSE '' END AS label,
       kept, NULL AS lo, NULL AS hi, seen, n_ok AS n, kv_bytes
FROM v_method WHERE run_id = :run AND kept IS NOT NULL
  AND (token_reduction <> 'none' OR cell_id IN (SELECT baseline_cell_id FROM v_method WHERE run_id = :run AND token_reduction <> 'none'))
ORDER BY shape NOT LIKE 'micro%', shape, kept DESC, i_cell;
