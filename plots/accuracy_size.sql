-- Accuracy against executed weight bytes. Threads and backend do not change answers' size: one point a method and weight format.
SELECT replace(replace(model_name || ' ' || quant || ' ' || early_exit || ' ' || token_reduction, ' none', ''), '.gguf', '') AS series,
       weight_bytes / 1048576.0 AS weight_mib, accuracy, accuracy_lo, accuracy_hi, n_questions AS n
FROM v_tradeoff WHERE run_id = :run AND accuracy IS NOT NULL AND weight_bytes IS NOT NULL
GROUP BY model_name, quant, early_exit, token_reduction, accuracy, weight_bytes ORDER BY weight_bytes, i_cell;
