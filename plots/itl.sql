-- Distribution of the gaps between tokens, eight settings that decode fastest. At most 200 steps a curve; share = rank / n.
WITH cell AS (SELECT cell_id, series, place FROM v_fastest WHERE run_id = :run AND place <= 8),
x AS (
  SELECT cell_id, itl_ns, row_number() OVER (PARTITION BY cell_id ORDER BY itl_ns) AS i, count(*) OVER (PARTITION BY cell_id) AS n
  FROM v_gap WHERE kind = 'measured' AND itl_ns IS NOT NULL AND cell_id IN (SELECT cell_id FROM cell))
SELECT series, itl_ns / 1e6 AS ms, share, n FROM (
  SELECT cell_id, i, itl_ns, 1.0 * i / n AS share, n FROM x WHERE i * 200 / n <> (i - 1) * 200 / n OR i = 1
  UNION ALL SELECT cell_id, 0, itl_ns, 0.0, n FROM x WHERE i = 1) -- a curve rises from 0
JOIN cell USING (cell_id) ORDER BY place, i;
