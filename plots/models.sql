SELECT name AS file, quant AS "executed as", arch, iif(n_params IS NULL, NULL, printf('%.1f', n_params / 1e6)) AS "parameters (million)",
       printf('%.1f', file_bytes / 1048576.0) AS "file MiB", iif(weight_bytes IS NULL, NULL, printf('%.1f', weight_bytes / 1048576.0)) AS "weights MiB",
       iif(bits_per_weight IS NULL, NULL, printf('%.2f', bits_per_weight)) AS "bits per weight",
       iif(stored_bits_per_weight IS NULL, NULL, printf('%.2f', stored_bits_per_weight)) AS "bits of a matrix weight, file",
       iif(matrix_bits_per_weight IS NULL, NULL, printf('%.2f', matrix_bits_per_weight)) AS "executed",
       (SELECT group_concat((value ->> '$.type') || ' x' || (value ->> '$.tensors'), ', ') FROM json_each(tensor_types)) AS tensors, sha256
FROM v_run_model WHERE run_id = :run ORDER BY file, "executed as";
