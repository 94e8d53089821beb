-- Gross energy per generated token.
SELECT label || CASE WHEN (SELECT count(DISTINCT shape) FROM v_name WHERE run_id = :run AND shape NOT IN ('accuracy', 'perplexity')) > 1 THEN ' · ' || replace(shape, 'micro ', '') ELSE '' END AS label,
       energy_per_token_uj / 1e3 AS energy_mj, energy_per_token_uj_lo / 1e3 AS lo, energy_per_token_uj_hi / 1e3 AS hi, n_ok AS n,
       energy_origin AS origin, energy_basis
FROM v_cell WHERE run_id = :run AND energy_per_token_uj IS NOT NULL ORDER BY shape NOT LIKE 'micro%', shape, energy_per_token_uj, i_cell;
