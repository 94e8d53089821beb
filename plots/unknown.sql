SELECT source AS collector, group_concat(DISTINCT name) AS metrics, reason, sum(n) AS repetitions
FROM v_unknown WHERE run_id = :run GROUP BY source, reason ORDER BY source, reason;
