-- Accuracy against decode rate, the fastest thread count of each method and weight format.
WITH x AS (
  SELECT *, row_number() OVER (PARTITION BY model_name, backend, quant, early_exit, token_reduction ORDER BY decode_tps DESC, i_cell) AS place
  FROM v_tradeoff WHERE run_id = :run AND accuracy IS NOT NULL AND decode_tps IS NOT NULL)
SELECT CASE WHEN (SELECT count(DISTINCT model_name) FROM v_tradeoff WHERE run_id = :run) > 1 THEN replace(model_name, '.gguf', '') || ' '
         ELSE '' END || replace(quant || ' ' || early_exit || ' ' || token_reduction, ' none', '') || ' ' || threads || 't' AS series,
       decode_tps, accuracy, coalesce(decode_tps_lo, decode_tps) AS decode_tps_lo, coalesce(decode_tps_hi, decode_tps) AS decode_tps_hi,
       accuracy_lo, accuracy_hi, n_questions AS n, speed_shape, speed_n
FROM x WHERE place = 1 ORDER BY decode_tps DESC, i_cell;
