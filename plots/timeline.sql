-- One repetition: spans, and sampled series in at most 400 steps (mean of the samples of a step). See timeline.gp for the columns.
WITH pick AS (
  SELECT t.trial_id, (SELECT count(DISTINCT name) FROM v_stream s WHERE s.trial_id = t.trial_id) AS n_kinds
  FROM v_trial t JOIN v_name n ON n.cell_id = t.cell_id
  WHERE t.run_id = :run AND t.kind = 'measured' AND t.status = 'ok'
    AND EXISTS (SELECT 1 FROM v_phase p WHERE p.trial_id = t.trial_id AND p.phase = 'decode')
  ORDER BY t.workload NOT IN ('micro', 'chat'), n_kinds DESC, n.i_cell, t.repetition LIMIT 1),
span AS (SELECT max(duration_ns) / 1e3 / 400 + 1 AS step_us FROM v_trial WHERE trial_id = (SELECT trial_id FROM pick)),
curve AS (
  SELECT CASE name WHEN 'rss_anon_bytes' THEN '1 anonymous' WHEN 'rss_file_bytes' THEN '1 file-backed' WHEN 'power_uw' THEN '2 ' || channel
              WHEN 'freq_khz' THEN '3 mean of policies' WHEN 'temp_milli_c' THEN '4 hottest zone' END AS series,
         CAST(t_us / step_us AS INTEGER) AS step, t_us, value, channel,
         CASE name WHEN 'rss_anon_bytes' THEN 1 / 1048576.0 WHEN 'rss_file_bytes' THEN 1 / 1048576.0 WHEN 'power_uw' THEN 1e-6
              WHEN 'freq_khz' THEN 1e-6 ELSE 1e-3 END AS unit
  FROM v_series, span WHERE trial_id = (SELECT trial_id FROM pick)),
missing(panel, what, source) AS (VALUES ('2', 'power', 'energy_uj'), ('3', 'frequency', 'freq_mean_khz'), ('4', 'temperature', 'temp_max_milli_c'),
                                        ('1', 'memory', 'rss_anon_bytes')),
x AS (
  SELECT 'span' AS kind, '0 ' || phase AS series, t0_ns / 1e9 AS x0_s, t1_ns / 1e9 AS x1_s,
         CASE phase WHEN 'decode' THEN 1 WHEN 'prefill' THEN 2 WHEN 'tokenize' THEN 3 WHEN 'load' THEN 4 END AS y, 1 AS n
  FROM v_phase WHERE trial_id = (SELECT trial_id FROM pick) AND phase IN ('decode', 'prefill', 'tokenize', 'load')
  UNION ALL
  SELECT 'curve', series, avg(t_us) / 1e6, avg(t_us) / 1e6, CASE series WHEN '4 hottest zone' THEN max(value) ELSE avg(value) END * max(unit),
         1
  FROM curve WHERE series IS NOT NULL GROUP BY series, step
  UNION ALL
  SELECT 'note', what || ' was not sampled (' || coalesce((SELECT group_concat(source || ': ' || reason, '; ') FROM v_unknown u
           WHERE u.run_id = :run AND u.name = m.source AND u.scope = ''), 'not collected') || ')', NULL, NULL, NULL, NULL
  FROM missing m WHERE EXISTS (SELECT 1 FROM pick) AND NOT EXISTS (SELECT 1 FROM curve WHERE substr(series, 1, 1) = panel)
  UNION ALL
  SELECT 'note', 'Shown: ' || n.label || ', ' || n.shape || ', repetition ' || t.repetition, NULL, NULL, NULL, NULL
  FROM v_trial t JOIN v_name n ON n.cell_id = t.cell_id WHERE t.trial_id = (SELECT trial_id FROM pick))
SELECT * FROM x ORDER BY kind DESC, series, x0_s;
