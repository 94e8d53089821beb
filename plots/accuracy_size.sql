-- Accuracy against executed weight bytes. Settings with the same weights and the same answers are one point with all their names.
WITH x AS (
  SELECT CASE WHEN (SELECT count(DISTINCT model_name) FROM v_tradeoff WHERE run_id = :run) > 1 THEN replace(model_name, '.gguf', '') || ' '
           ELSE '' END || replace(quant || ' ' || early_exit || ' ' || token_reduction, ' none', '') AS name, min(i_cell) AS i_cell,
         weight_bytes, accuracy, min(accuracy_lo) AS accuracy_lo, max(accuracy_hi) AS accuracy_hi, min(n_questions) AS n
  FROM v_tradeoff WHERE run_id = :run AND accuracy IS NOT NULL AND weight_bytes IS NOT NULL GROUP BY 1, weight_bytes, accuracy)
SELECT group_concat(name, '  |  ') AS series, weight_bytes / 1048576.0 AS weight_mib, accuracy, accuracy_lo, accuracy_hi, n
FROM (SELECT * FROM x ORDER BY i_cell) GROUP BY weight_bytes, accuracy, n ORDER BY weight_bytes, accuracy DESC;
