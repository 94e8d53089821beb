-- One fact a row; nested facts by their path.
WITH r AS (SELECT * FROM v_run WHERE run_id = :run)
SELECT 'device' AS what, device AS value FROM r
UNION ALL SELECT 'processor', cpu || ', ' || n_cores || ' cores' FROM r
UNION ALL SELECT 'memory', printf('%.1f GiB', memory_bytes / 1073741824.0) FROM r WHERE memory_bytes IS NOT NULL
UNION ALL SELECT 'kernel', kernel FROM r WHERE kernel IS NOT NULL
UNION ALL SELECT 'meltbench', version || ', commit ' || commit_id || ', ' || build_type || CASE sanitizer WHEN '' THEN '' ELSE ', sanitizer ' || sanitizer END FROM r
UNION ALL SELECT 'compiler', compiler || ', ' || flags FROM r
UNION ALL SELECT 'binary sha256', binary_sha256 FROM r
UNION ALL SELECT 'plan', plan || ', sha256 ' || plan_hash FROM r
UNION ALL SELECT 'run', run_id || ', started ' || started_utc || coalesce(', finished ' || finished_utc, ', not finished') FROM r
UNION ALL SELECT 'session ' || (i_session + 1), coalesce('noise grade ' || grade, 'noise not measured')
          || coalesce(printf(', p99 %.3f x the median, %.2f %% of the time in gaps', p99_over_median, 100 * gap_share), '')
          || coalesce(printf('; in its %.0f s: ', session_s) || coalesce(printf('%.2f %% stolen', 100 * steal_share), 'stolen time unknown')
                      || coalesce(printf(', processors waited for in %.1f %%', 100 * pressure_share), '')
                      || coalesce(printf(', %d stops by a quota', n_group_throttled), ''), '; it did not end by itself')
          FROM v_run_noise WHERE run_id = :run
UNION ALL SELECT 'rules', CASE conditions ->> '$.rules.valid' WHEN 1 THEN 'VALID' ELSE 'INVALID' END || ' by ' || (conditions ->> '$.rules.profile')
  FROM r WHERE conditions ->> '$.rules.profile' IS NOT NULL
UNION ALL SELECT 'rules: broken ' || (b.value ->> '$.rule'), b.value ->> '$.text' FROM r, json_each(r.conditions, '$.rules.broken') b
UNION ALL SELECT 'rules: unchecked ' || (b.value ->> '$.rule'), b.value ->> '$.text' FROM r, json_each(r.conditions, '$.rules.unchecked') b
UNION ALL SELECT 'at start: ' || substr(fullkey, 3), atom FROM r, json_tree(r.conditions)
  WHERE atom IS NOT NULL AND fullkey NOT LIKE '$.rules.%' AND fullkey NOT LIKE '$.doctor.%' AND fullkey NOT LIKE '$.sessions%'
UNION ALL SELECT 'device: ' || substr(fullkey, 3), atom FROM r, json_tree(r.facts) WHERE atom IS NOT NULL;
