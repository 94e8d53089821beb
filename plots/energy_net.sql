-- Gross and net energy by source and phase; the row of the source that the figures use first.
SELECT n.label AS setting, n.shape AS workload, e.source, CASE e.scope WHEN '' THEN 'whole' ELSE e.scope END AS part, e.origin, e.n AS ok,
       printf('%.4g', e.gross_uj / 1e6) || iif(e.gross_error_uj IS NULL, '', printf(' ± %.2g', e.gross_error_uj / 1e6)) AS "gross J",
       iif(e.idle_uw IS NULL, NULL, printf('%.4g', e.idle_uw / 1e6) || iif(e.idle_sd_uw IS NULL, '', printf(' ± %.2g', 2 * e.idle_sd_uw / 1e6)))
         AS "idle W",
       iif(e.net_uj IS NULL, e.net_reason, printf('%.4g', e.net_uj / 1e6) || iif(e.net_error_uj IS NULL, '', printf(' ± %.2g', e.net_error_uj / 1e6)))
         AS "net J",
       CASE e.scope WHEN 'prefill' THEN 'prompt' WHEN 'load' THEN NULL ELSE 'output' END AS "per token",
       iif(e.per_token_uj IS NULL, NULL, printf('%.4g', e.per_token_uj / 1e3)) AS "gross mJ/token",
       iif(e.net_per_token_uj IS NULL, NULL, printf('%.4g', e.net_per_token_uj / 1e3)
         || iif(e.net_per_token_error_uj IS NULL, '', printf(' ± %.2g', e.net_per_token_error_uj / 1e3))) AS "net mJ/token",
       iif(e.prompts_per_charge IS NULL, NULL, printf('%.0f', e.prompts_per_charge)) AS "requests a charge"
FROM v_cell_energy e JOIN v_name n ON n.cell_id = e.cell_id WHERE e.run_id = :run
ORDER BY e.i_cell, NOT e.is_basis, e.source, e.scope NOT IN ('', 'load'), e.scope <> 'load', e.scope = 'decode', e.scope;
