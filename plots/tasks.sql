SELECT n.label AS setting, CASE a.task WHEN '' THEN 'all' ELSE a.task END AS task, printf('%.3f', a.accuracy) AS accuracy,
       iif(a.lo IS NULL, NULL, printf('%.3f..%.3f', a.lo, a.hi)) AS "95 % interval", a.n_questions AS questions, a.origin
FROM v_accuracy a JOIN v_name n ON n.cell_id = a.cell_id WHERE n.run_id = :run ORDER BY n.i_cell, a.task;
