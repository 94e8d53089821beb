WITH n AS (SELECT * FROM v_run_noise WHERE run_id = :run),
w AS (
  SELECT i_session, 'noise grade ' || grade || printf(' before it began: the same work takes up to %.2f times its median (p99), %.1f %% of the time is lost in gaps',
         p99_over_median, 100 * gap_share) AS reason FROM n WHERE grade IN ('D', 'E')
  UNION ALL SELECT i_session, printf('%.1f %% of all processor time was stolen by other guests of the host', 100 * steal_share) FROM n WHERE steal_share > 0.02
  UNION ALL SELECT i_session, printf('a quota of the control group stopped it %d times, %.1f s in all', n_group_throttled, group_throttled_ns * 1e-9) FROM n
            WHERE n_group_throttled > 0)
SELECT NULL AS "#", 'all cells' AS setting, 'session ' || (i_session + 1) AS workload, 'noisy' AS what, '' AS kind, 1 AS n, reason FROM w
UNION ALL
SELECT * FROM (SELECT p.i_cell, n.label, n.shape, p.what, p.kind, p.n, p.reason
               FROM v_problem p JOIN v_name n ON n.cell_id = p.cell_id WHERE p.run_id = :run ORDER BY p.i_cell, p.what, p.kind);
