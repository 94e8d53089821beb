SELECT p.i_cell AS "#", n.label AS setting, n.shape AS workload, p.what, p.kind, p.n, p.reason
FROM v_problem p JOIN v_name n ON n.cell_id = p.cell_id WHERE p.run_id = :run ORDER BY p.i_cell, p.what, p.kind;
