-- Distribution of the gaps between tokens, eight settings that decode fastest. At most 200 steps a curve; share = rank / n.
WITH cell AS (
  SELECT cell_id, label || CASE WHEN (SELECT count(DISTINCT shape) FROM v_name WHERE run_id = :run AND shape NOT IN ('accuracy', 'perplexity')) > 1 THEN ' · ' || replace(shape, 'micro ', '') ELSE '' END
           AS series, row_number() OVER (ORDER BY decode_tps DESC, i_cell) AS place
  FROM v_cell WHERE run_id = :run AND decode_tps IS NOT NULL AND workload IN ('micro', 'chat')),
x AS (
  SELECT cell_id, itl_ns, row_number() OVER (PARTITION BY cell_id ORDER BY itl_ns) AS i, count(*) OVER (PARTITION BY cell_id) AS n
  FROM v_gap WHERE kind = 'measured' AND itl_ns IS NOT NULL AND cell_id IN (SELECT cell_id FROM cell WHERE place <= 8))
SELECT series, itl_ns / 1e6 AS ms, share, n FROM (
  SELECT cell_id, i, itl_ns, 1.0 * i / n AS share, n FROM x WHERE i * 200 / n <> (i - 1) * 200 / n OR i = 1
  UNION ALL SELECT cell_id, 0, itl_ns, 0.0, n FROM x WHERE i = 1) -- a curve rises from 0
JOIN cell USING (cell_id) ORDER BY place, i;
