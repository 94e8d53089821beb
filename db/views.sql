-- views.sql - derived metrics; the formula is the comment. Made anew when they differ from the file's, so a view is never out of date.
-- The plots know only these. Plain SQL with SQLite's own functions: the sqlite3 shell sees the same numbers.
-- "Total over total": a rate of a trial with many requests is all its tokens by all its time, never a mean of rates.
-- Statements begin at a line's start with CREATE VIEW: a reader puts them in front of the file's own as TEMP views.

-- v_median_rank: which order statistics bound the median. Of n sorted values x(1) <= ... <= x(n), the interval [x(k), x(n+1-k)]
--   covers the true median with probability 1 - 2 sum_{i<k} C(n,i) / 2^n, whatever the distribution (David & Nagaraja, Order
--   Statistics, 3rd ed., section 7.1; Le Boudec, Performance Evaluation, appendix A). k is the largest with coverage >= 0.95. Below
--   n = 6 there is none: then k = 1, the interval is min..max, and its true coverage is said (n = 5: 93.75 %, n = 3: 75 %).
CREATE VIEW v_median_rank(n, k, coverage) AS VALUES
  (2, 1, 0.500000), (3, 1, 0.750000), (4, 1, 0.875000), (5, 1, 0.937500), (6, 1, 0.968750), (7, 1, 0.984375), (8, 1, 0.992188),
  (9, 2, 0.960938), (10, 2, 0.978516), (11, 2, 0.988281), (12, 3, 0.961426), (13, 3, 0.977539), (14, 3, 0.987061),
  (15, 4, 0.964844), (16, 4, 0.978729), (17, 5, 0.950958), (18, 5, 0.969116), (19, 5, 0.980789), (20, 6, 0.958611),
  (21, 6, 0.973396), (22, 6, 0.983099), (23, 7, 0.965310), (24, 7, 0.977344), (25, 8, 0.956715), (26, 8, 0.971041),
  (27, 8, 0.980843), (28, 9, 0.964302), (29, 9, 0.975880), (30, 10, 0.957226), (31, 10, 0.970551), (32, 10, 0.979938),
  (33, 11, 0.964918), (34, 11, 0.975693), (35, 12, 0.959040), (36, 12, 0.971183), (37, 13, 0.952969), (38, 13, 0.966448),
  (39, 13, 0.976297), (40, 14, 0.961523), (41, 14, 0.972467), (42, 15, 0.956441), (43, 15, 0.968461), (44, 16, 0.951233),
  (45, 16, 0.964302), (46, 16, 0.974104), (47, 17, 0.960014), (48, 17, 0.970695), (49, 18, 0.955616), (50, 18, 0.967161);

-- v_trial: one row per repetition with the axes of its cell.
CREATE VIEW v_trial AS
SELECT c.run_id, t.cell_id, t.id AS trial_id, c.hash, c.model, c.backend, c.threads, c.quant, c.act, c.cache_type_k, c.cache_type_v,
       c.early_exit, c.token_reduction, c.cpu_mask, c.runner, c.workload, c.options, t.kind, t.repetition, t.status, t.reason, t.started_utc,
       t.duration_ns
FROM trial t JOIN cell c ON c.id = t.cell_id;

-- v_request: one row per request of an ok repetition (any kind).
--   n_prompt     tokens evaluated: value of prefill_begin (of prefill_end where only that carries it)
--   n_gen        tokens generated: value of request_end
--   n_stamped    token events, the ones that time is known of
--   tokenize_ns  tokenize_end - tokenize_begin
--   prefill_ns   prefill_end - prefill_begin
--   ttft_ns      token 0 - request_begin                          (time to first token)
--   decode_ns    last token - token 0
--   tpot_ns      decode_ns / (n_stamped - 1)                       (time per output token after the first; NULL below 2 tokens)
--   e2e_ns       request_end - request_begin
--   prefill_tps  n_prompt * 1e9 / prefill_ns
--   decode_tps   1e9 / tpot_ns
CREATE VIEW v_request AS
WITH e AS (
  SELECT trial_id, request,
         max(CASE kind WHEN 'request_begin' THEN t_ns END) AS request_begin,
         max(CASE kind WHEN 'request_end' THEN t_ns END) AS request_end,
         max(CASE kind WHEN 'request_end' THEN value END) AS n_gen,
         min(CASE kind WHEN 'tokenize_begin' THEN t_ns END) AS tokenize_begin,
         max(CASE kind WHEN 'tokenize_end' THEN t_ns END) AS tokenize_end,
         min(CASE kind WHEN 'prefill_begin' THEN t_ns END) AS prefill_begin,
         max(CASE kind WHEN 'prefill_end' THEN t_ns END) AS prefill_end,
         max(CASE WHEN kind IN ('prefill_begin', 'prefill_end') THEN nullif(value, 0) END) AS n_prompt,
         count(CASE kind WHEN 'token' THEN 1 END) AS n_stamped,
         min(CASE kind WHEN 'token' THEN t_ns END) AS first_token,
         max(CASE kind WHEN 'token' THEN t_ns END) AS last_token
  FROM event GROUP BY trial_id, request)
SELECT t.cell_id, e.trial_id, t.kind, t.repetition, e.request, e.n_prompt, e.n_gen, e.n_stamped,
       tokenize_end - tokenize_begin AS tokenize_ns,
       prefill_end - prefill_begin AS prefill_ns,
       first_token - request_begin AS ttft_ns,
       CASE WHEN n_stamped >= 2 THEN last_token - first_token END AS decode_ns,
       CASE WHEN n_stamped >= 2 THEN 1.0 * (last_token - first_token) / (n_stamped - 1) END AS tpot_ns,
       request_end - request_begin AS e2e_ns,
       n_prompt * 1e9 / (prefill_end - prefill_begin) AS prefill_tps,
       CASE WHEN n_stamped >= 2 THEN (n_stamped - 1) * 1e9 / (last_token - first_token) END AS decode_tps
FROM e JOIN trial t ON t.id = e.trial_id
WHERE t.status = 'ok' AND e.request_begin IS NOT NULL;

-- v_gap: one row per gap between two tokens of a request of an ok repetition: itl_ns = t(token i) - t(token i-1).
CREATE VIEW v_gap AS
WITH g AS (
  SELECT trial_id, request, i_token, t_ns - lag(t_ns) OVER (PARTITION BY trial_id, request ORDER BY i_token, seq) AS itl_ns
  FROM event WHERE kind = 'token')
SELECT t.cell_id, g.trial_id, t.kind, t.repetition, g.request, g.i_token, g.itl_ns
FROM g JOIN trial t ON t.id = g.trial_id
WHERE t.status = 'ok' AND g.itl_ns IS NOT NULL;

-- v_trial_rate: one row per ok repetition, total over total:
--   prefill_tps = sum n_prompt * 1e9 / sum prefill_ns      decode_tps = sum (n_stamped - 1) * 1e9 / sum decode_ns
--   tpot_ns = sum decode_ns / sum (n_stamped - 1)          ttft_ns, e2e_ns, tokenize_ns = sum over requests / their number
CREATE VIEW v_trial_rate AS
SELECT cell_id, trial_id, kind, repetition, count(*) AS n_requests, sum(n_prompt) AS n_prompt, sum(n_gen) AS n_gen,
       sum(n_prompt) FILTER (WHERE prefill_ns IS NOT NULL) * 1e9 / sum(prefill_ns) FILTER (WHERE n_prompt IS NOT NULL) AS prefill_tps,
       sum(n_stamped - 1) FILTER (WHERE decode_ns IS NOT NULL) * 1e9 / sum(decode_ns) AS decode_tps,
       1.0 * sum(decode_ns) / sum(n_stamped - 1) FILTER (WHERE decode_ns IS NOT NULL) AS tpot_ns,
       avg(ttft_ns) AS ttft_ns, avg(e2e_ns) AS e2e_ns, avg(tokenize_ns) AS tokenize_ns
FROM v_request GROUP BY trial_id;

-- v_load: time from file to ready weights, of repetitions that opened the model: load_end - load_begin.
CREATE VIEW v_load AS
SELECT t.cell_id, t.id AS trial_id, t.kind, t.status,
       max(CASE e.kind WHEN 'load_end' THEN e.t_ns END) - min(CASE e.kind WHEN 'load_begin' THEN e.t_ns END) AS load_ns
FROM event e JOIN trial t ON t.id = e.trial_id
WHERE e.kind IN ('load_begin', 'load_end') GROUP BY t.id;

-- v_trial_energy: gross energy of the machine over an ok repetition: the source's own total (scope ''), else psys (the platform). Rails
--   overlap (a package contains its cores), so a source that offers no total gives none. Of several sources: measured before estimated
--   before simulated, then an external meter (it sees the whole machine), rapl, rapl_perf (the same counters: one of them, never both), then by
--   name; basis says which. NULL where no total is known, with two of the sources' reasons: those first that have channels and no total.
CREATE VIEW v_trial_energy AS
WITH s AS (
  SELECT trial_id, source, origin, scope, value AS energy_uj,
         row_number() OVER (PARTITION BY trial_id
                            ORDER BY origin = 'measured' DESC, origin, source NOT IN ('ptdaemon', 'smartpower3', 'meter', 'meter_file'), scope <> '',
                                     source NOT IN ('rapl', 'rapl_perf'), source) AS preference
  FROM metric WHERE name = 'energy_uj' AND value IS NOT NULL AND (scope = '' OR scope LIKE 'psys%'))
SELECT t.cell_id, t.id AS trial_id, t.kind, s.energy_uj, s.origin, s.source || CASE s.scope WHEN '' THEN '' ELSE ' ' || s.scope END AS basis,
       CASE WHEN s.energy_uj IS NULL THEN coalesce(
         (SELECT group_concat(source || ': ' || reason, '; ') || CASE WHEN max(n) > 2 THEN printf('; %d more sources have none', max(n) - 2) ELSE '' END
          FROM (SELECT a.source, a.reason, count(*) OVER () AS n FROM metric a
                WHERE a.trial_id = t.id AND a.name = 'energy_uj' AND a.scope = '' AND a.reason IS NOT NULL
                ORDER BY NOT EXISTS (SELECT 1 FROM metric c WHERE c.trial_id = a.trial_id AND c.name = 'energy_uj' AND c.source = a.source
                                     AND c.scope <> ''), a.source <> 'rapl', a.source LIMIT 2)), 'not collected') END AS reason
FROM trial t LEFT JOIN s ON s.trial_id = t.id AND s.preference = 1
WHERE t.status = 'ok';

-- v_span: stretches of an ok repetition that energy is asked of, split as the collectors split it: '' all of it, load, prefill, and decode
--   (prefill_end to request_end, of requests with a token). t0_ns, t1_ns since the repetition's begin, which was at utc_s (seconds since 1970,
--   to the millisecond and the start of the collectors: CLOCK_REALTIME is read right before they are started)
CREATE VIEW v_span AS
WITH t AS (
  SELECT c.run_id, t.id AS trial_id, t.duration_ns, (julianday(t.started_utc) - 2440587.5) * 86400.0 AS utc_s
  FROM trial t JOIN cell c ON c.id = t.cell_id WHERE t.status = 'ok'),
e AS (
  SELECT trial_id, request, min(t_ns) FILTER (WHERE kind = 'load_begin') AS load_begin, max(t_ns) FILTER (WHERE kind = 'load_end') AS load_end,
         min(t_ns) FILTER (WHERE kind = 'prefill_begin') AS prefill_begin, max(t_ns) FILTER (WHERE kind = 'prefill_end') AS prefill_end,
         max(t_ns) FILTER (WHERE kind = 'request_end') AS request_end, count(*) FILTER (WHERE kind = 'token') AS n_tokens
  FROM event GROUP BY trial_id, request)
SELECT run_id, trial_id, utc_s, '' AS scope, 0 AS t0_ns, duration_ns AS t1_ns FROM t
UNION ALL SELECT run_id, trial_id, utc_s, 'load', load_begin, load_end FROM e JOIN t USING (trial_id) WHERE load_begin >= 0 AND load_end > load_begin
UNION ALL SELECT run_id, trial_id, utc_s, 'prefill', prefill_begin, prefill_end FROM e JOIN t USING (trial_id) WHERE prefill_end > prefill_begin
UNION ALL SELECT run_id, trial_id, utc_s, 'decode', prefill_end, request_end FROM e JOIN t USING (trial_id)
  WHERE request_end > prefill_end AND n_tokens > 0;

-- v_idle: what a machine draws while nothing is asked: one row per cell of workload idle, source and scope with a total ('' or psys),
--   over its measured ok repetitions.   power_uw = mean of their mean powers   sd_uw = standard deviation of these   seconds = all of them
--   drift_uw = mean of the later half - mean of the earlier half; above sd_uw the machine was not at rest (of 20 repetitions of white noise
--   2 % are refused by chance, of 6 26 %: simulated)   age = 1 for the newest of its device, source, scope and origin: the baseline
--   reason = why it is no baseline
CREATE VIEW v_idle AS
WITH p AS (
  SELECT r.device_id, c.run_id, c.id AS cell_id, t.started_utc, e.source, e.scope, e.origin, m.value AS power_uw,
         e.value / nullif(m.value, 0) AS seconds, row_number() OVER w AS i,
         count(*) OVER (PARTITION BY c.id, e.source, e.scope) AS n, avg(m.value) OVER (PARTITION BY c.id, e.source, e.scope) AS mean
  FROM cell c JOIN run r ON r.id = c.run_id JOIN trial t ON t.cell_id = c.id AND t.kind = 'measured' AND t.status = 'ok'
  JOIN metric e ON e.trial_id = t.id AND e.name = 'energy_uj' AND e.value IS NOT NULL AND (e.scope = '' OR e.scope LIKE 'psys%')
  JOIN metric m ON m.trial_id = t.id AND m.name = 'power_mean_uw' AND m.scope = e.scope AND m.source = e.source AND m.value IS NOT NULL
  WHERE c.workload = 'idle' WINDOW w AS (PARTITION BY c.id, e.source, e.scope ORDER BY t.repetition)),
b AS (
  SELECT device_id, run_id, cell_id, source, scope, origin, min(started_utc) AS started_utc, n, mean AS power_uw,
         sqrt(sum((power_uw - mean) * (power_uw - mean)) / nullif(n - 1, 0)) AS sd_uw, sum(seconds) AS seconds,
         avg(power_uw) FILTER (WHERE i > n - n / 2) - avg(power_uw) FILTER (WHERE i <= n / 2) AS drift_uw
  FROM p GROUP BY cell_id, source, scope)
SELECT *, row_number() OVER (PARTITION BY device_id, source, scope, origin ORDER BY started_utc DESC, cell_id DESC) AS age,
       CASE WHEN n < 6 THEN printf('the idle baseline has %d repetitions, it needs 6', n)
            WHEN abs(drift_uw) > sd_uw + 1e-9 * power_uw THEN printf('the idle baseline drifted by %.3g W, more than its standard deviation of %.3g W: '
              || 'let the machine settle and run plans/idle.yaml again', drift_uw / 1e6, sd_uw / 1e6) END AS reason
FROM b;

-- v_trial_net: every known energy of a total or a phase, gross and above idle, per ok repetition of other workloads.
--   span_s  what the source measured over: energy_uj / power_mean_uw
--   net_uj  gross_uj - idle power * span_s, with the newest baseline of the same device, source and origin (phases: of the source's total)
--   net_error_uj = sqrt(gross_error_uj^2 + (2 sd sqrt(1 + 1/n) span_s)^2): the source's own error, and where 95 % of the idle power of
--     one more span lie, of n spans with standard deviation sd (both as of about two standard deviations)
--   n_tokens  what it is divided by: prompt tokens of 'prefill', else tokens generated; NULL for 'load'
--   sees_all  1 where the source sees the whole machine (an external meter, psys, the battery), 0 where it sees the processor or a rail
CREATE VIEW v_trial_net AS
WITH e AS (
  SELECT r.device_id, r.conditions, t.cell_id, t.id AS trial_id, t.kind, m.source, m.scope, m.origin, m.value AS gross_uj,
         CASE WHEN m.scope LIKE 'psys%' THEN m.scope ELSE '' END AS idle_scope, x.value AS gross_error_uj,
         coalesce(m.value / nullif(w.value, 0), CASE WHEN m.scope = '' THEN t.duration_ns / 1e9 END) AS span_s,
         m.scope LIKE 'psys%' OR m.source IN ('ptdaemon', 'smartpower3', 'meter', 'meter_file', 'battery') AS sees_all
  FROM metric m JOIN trial t ON t.id = m.trial_id AND t.status = 'ok' JOIN cell c ON c.id = t.cell_id AND c.workload <> 'idle'
  JOIN run r ON r.id = c.run_id
  LEFT JOIN metric w ON w.trial_id = t.id AND w.name = 'power_mean_uw' AND w.scope = m.scope AND w.source = m.source
  LEFT JOIN metric x ON x.trial_id = t.id AND x.name = 'energy_error_uj' AND x.scope = m.scope AND x.source = m.source
  WHERE m.name = 'energy_uj' AND m.value IS NOT NULL AND (m.scope IN ('', 'load', 'prefill', 'decode') OR m.scope LIKE 'psys%'))
SELECT e.cell_id, e.trial_id, e.kind, e.source, e.scope, e.origin, e.gross_uj, e.gross_error_uj, e.span_s, e.sees_all,
       i.cell_id AS idle_cell_id, i.run_id AS idle_run_id, i.power_uw AS idle_uw, i.sd_uw AS idle_sd_uw,
       CASE WHEN i.reason IS NULL THEN e.gross_uj - i.power_uw * e.span_s END AS net_uj,
       CASE WHEN i.reason IS NULL THEN sqrt(e.gross_error_uj * e.gross_error_uj + 4 * i.sd_uw * i.sd_uw * (1 + 1.0 / i.n) * e.span_s * e.span_s) END
         AS net_error_uj,
       CASE WHEN i.cell_id IS NULL THEN 'no idle baseline of ' || e.source || ' (plans/idle.yaml)'
            ELSE i.reason END AS net_reason,
       CASE e.scope WHEN 'load' THEN NULL WHEN 'prefill' THEN nullif(t.n_prompt, 0) ELSE nullif(t.n_gen, 0) END AS n_tokens, t.n_requests,
       3600.0 * (e.conditions ->> '$.battery_full_uwh') AS battery_uj -- 1 uWh = 3600 uJ
FROM e LEFT JOIN v_idle i ON i.device_id = e.device_id AND i.source = e.source AND i.scope = e.idle_scope AND i.origin = e.origin AND i.age = 1
LEFT JOIN v_trial_rate t ON t.trial_id = e.trial_id;

-- v_cell_energy: medians of v_trial_net over the measured repetitions of a cell: one row per source and scope (total, psys, load, prefill,
--   decode). per_token_uj: J per prompt token for prefill, per output token else; net_* the same above idle.
--   *_error_uj  median of the repetitions' errors
--   prompts_per_charge = battery's full charge / gross energy of a request, only from a source that sees the whole machine; else NULL with
--   charge_reason. is_basis = 1 for the source that v_cell takes its energy from.
CREATE VIEW v_cell_energy AS
WITH v AS (
  SELECT cell_id, trial_id, source, scope, origin, 'gross_uj' AS name, gross_uj AS value FROM v_trial_net WHERE kind = 'measured'
  UNION ALL SELECT cell_id, trial_id, source, scope, origin, 'gross_error_uj', gross_error_uj FROM v_trial_net WHERE kind = 'measured'
  UNION ALL SELECT cell_id, trial_id, source, scope, origin, 'net_uj', net_uj FROM v_trial_net WHERE kind = 'measured'
  UNION ALL SELECT cell_id, trial_id, source, scope, origin, 'net_error_uj', net_error_uj FROM v_trial_net WHERE kind = 'measured'
  UNION ALL SELECT cell_id, trial_id, source, scope, origin, 'per_token_uj', gross_uj / n_tokens FROM v_trial_net WHERE kind = 'measured'
  UNION ALL SELECT cell_id, trial_id, source, scope, origin, 'net_per_token_uj', net_uj / n_tokens FROM v_trial_net WHERE kind = 'measured'
  UNION ALL SELECT cell_id, trial_id, source, scope, origin, 'net_per_token_error_uj', net_error_uj / n_tokens FROM v_trial_net WHERE kind = 'measured'
  UNION ALL SELECT cell_id, trial_id, source, scope, origin, 'per_request_uj', gross_uj / n_requests FROM v_trial_net WHERE kind = 'measured'),
o AS (
  SELECT *, row_number() OVER (PARTITION BY cell_id, source, scope, origin, name ORDER BY value) AS i,
         count(*) OVER (PARTITION BY cell_id, source, scope, origin, name) AS n
  FROM v WHERE value IS NOT NULL),
m AS (
  SELECT cell_id, source, scope, origin, name, avg(value) AS median FROM o WHERE i IN ((n + 1) / 2, (n + 2) / 2)
  GROUP BY cell_id, source, scope, origin, name),
w AS (
  SELECT cell_id, source, scope, origin, max(CASE name WHEN 'gross_uj' THEN median END) AS gross_uj,
         max(CASE name WHEN 'gross_error_uj' THEN median END) AS gross_error_uj, max(CASE name WHEN 'net_uj' THEN median END) AS net_uj,
         max(CASE name WHEN 'net_error_uj' THEN median END) AS net_error_uj, max(CASE name WHEN 'per_token_uj' THEN median END) AS per_token_uj,
         max(CASE name WHEN 'net_per_token_uj' THEN median END) AS net_per_token_uj,
         max(CASE name WHEN 'net_per_token_error_uj' THEN median END) AS net_per_token_error_uj,
         max(CASE name WHEN 'per_request_uj' THEN median END) AS per_request_uj
  FROM m GROUP BY cell_id, source, scope, origin),
t AS (
  SELECT cell_id, source, scope, origin, count(*) AS n, min(net_reason) AS net_reason, min(idle_uw) AS idle_uw, min(idle_sd_uw) AS idle_sd_uw,
         min(idle_run_id) AS idle_run_id, min(sees_all) AS sees_all, min(battery_uj) AS battery_uj
  FROM v_trial_net WHERE kind = 'measured' GROUP BY cell_id, source, scope, origin)
SELECT c.run_id, w.cell_id, c.i_cell, w.source, w.scope, w.origin, t.n, w.gross_uj, w.gross_error_uj, t.idle_uw, t.idle_sd_uw, t.idle_run_id,
       w.net_uj, w.net_error_uj, t.net_reason, w.per_token_uj, w.net_per_token_uj, w.net_per_token_error_uj,
       CASE WHEN w.scope IN ('load', 'prefill', 'decode') THEN NULL
            WHEN t.sees_all THEN t.battery_uj / nullif(w.per_request_uj, 0) END AS prompts_per_charge,
       CASE WHEN w.scope IN ('load', 'prefill', 'decode') THEN 'a charge is counted in whole requests'
            WHEN NOT t.sees_all THEN w.source || ' does not see the whole machine'
            WHEN t.battery_uj IS NULL THEN 'no battery with a known capacity' END AS charge_reason,
       EXISTS (SELECT 1 FROM v_trial_energy e WHERE e.cell_id = w.cell_id AND e.kind = 'measured'
               AND e.basis = w.source || CASE WHEN w.scope LIKE 'psys%' THEN ' ' || w.scope ELSE '' END) AS is_basis
FROM w JOIN t ON t.cell_id = w.cell_id AND t.source = w.source AND t.scope = w.scope AND t.origin = w.origin JOIN cell c ON c.id = w.cell_id;

-- v_trial_accuracy: right answers by questions over all tasks of a repetition: the workload's own total (scope ''), else
--   sum(accuracy * n_questions) / sum(n_questions) over tasks (one without n_questions counts once).
CREATE VIEW v_trial_accuracy AS
SELECT t.cell_id, t.id AS trial_id, t.kind, a.name,
       sum(a.value * coalesce(n.value, 1)) / sum(coalesce(n.value, 1)) AS value, sum(n.value) AS n_questions, count(*) AS n_tasks
FROM trial t JOIN metric a ON a.trial_id = t.id AND a.name IN ('accuracy', 'accuracy_norm')
LEFT JOIN metric n ON n.trial_id = t.id AND n.name = 'n_questions' AND n.scope = a.scope AND n.source = a.source
WHERE t.status = 'ok' AND a.value IS NOT NULL
  AND (a.scope = '' OR NOT EXISTS (SELECT 1 FROM metric w WHERE w.trial_id = t.id AND w.name = a.name AND w.scope = ''))
GROUP BY t.id, a.name;

-- v_trial_value: the figures of every measured, ok repetition, one a row.
--   energy_per_token_uj = gross energy of the repetition / tokens generated in it; of its phases: prefill_energy_per_token_uj =
--   energy of scope 'prefill' / prompt tokens, decode_energy_per_token_uj = energy of scope 'decode' / tokens generated, both of the source
--   that gave the repetition's energy
--   rss_peak_bytes = the largest of its phases;  kv_bytes, perplexity, ... = as reported (largest scope)
CREATE VIEW v_trial_value AS
WITH r AS MATERIALIZED (SELECT * FROM v_trial_rate WHERE kind = 'measured')
SELECT cell_id, trial_id, 'prefill_tps' AS name, prefill_tps AS value FROM r WHERE prefill_tps IS NOT NULL
UNION ALL SELECT cell_id, trial_id, 'decode_tps', decode_tps FROM r WHERE decode_tps IS NOT NULL
UNION ALL SELECT cell_id, trial_id, 'ttft_ns', ttft_ns FROM r WHERE ttft_ns IS NOT NULL
UNION ALL SELECT cell_id, trial_id, 'tpot_ns', tpot_ns FROM r WHERE tpot_ns IS NOT NULL
UNION ALL SELECT cell_id, trial_id, 'e2e_ns', e2e_ns FROM r WHERE e2e_ns IS NOT NULL
UNION ALL SELECT r.cell_id, r.trial_id, 'energy_per_token_uj', e.energy_uj / r.n_gen
  FROM r JOIN v_trial_energy e ON e.trial_id = r.trial_id WHERE e.energy_uj IS NOT NULL AND r.n_gen > 0
UNION ALL SELECT r.cell_id, r.trial_id, m.scope || '_energy_per_token_uj',
  max(m.value) / CASE m.scope WHEN 'prefill' THEN r.n_prompt ELSE nullif(r.n_gen, 0) END
  FROM r JOIN v_trial_energy e ON e.trial_id = r.trial_id
  JOIN metric m ON m.trial_id = r.trial_id AND m.name = 'energy_uj' AND m.scope IN ('prefill', 'decode')
    AND (m.source = e.basis OR e.basis LIKE m.source || ' %')
  WHERE m.value IS NOT NULL GROUP BY r.trial_id, m.scope
UNION ALL SELECT cell_id, trial_id, name, value FROM v_trial_accuracy WHERE kind = 'measured'
UNION ALL SELECT t.cell_id, t.id, m.name, max(m.value) FROM trial t JOIN metric m ON m.trial_id = t.id
  WHERE t.kind = 'measured' AND t.status = 'ok' AND m.value IS NOT NULL
    AND m.name IN ('rss_peak_bytes', 'kv_bytes', 'weight_bytes', 'perplexity', 'exit_drafted_tokens', 'exit_accepted_tokens',
                   'kept_tokens', 'seen_tokens', 'output_hash')
  GROUP BY t.id, m.name;

-- v_cell_value: per cell and figure: n repetitions, median, min, max, and the interval of the median with its true coverage.
--   median = mean of the two middle values of the sorted n (the same one when n is odd)
--   lo, hi = order statistics k and n+1-k of v_median_rank; beyond n = 50, k = floor(n/2 - 0.98 sqrt n) (Le Boudec, appendix A)
CREATE VIEW v_cell_value AS
WITH x AS (
  SELECT cell_id, name, value, row_number() OVER (PARTITION BY cell_id, name ORDER BY value) AS i,
         count(*) OVER (PARTITION BY cell_id, name) AS n
  FROM v_trial_value),
k AS (
  SELECT x.*, coalesce(r.k, CASE WHEN x.n > 50 THEN CAST(x.n / 2.0 - 0.98 * sqrt(x.n) AS INTEGER) END) AS k,
         coalesce(r.coverage, CASE WHEN x.n > 50 THEN 0.95 END) AS coverage
  FROM x LEFT JOIN v_median_rank r ON r.n = x.n)
SELECT cell_id, name, n, avg(CASE WHEN i IN ((n + 1) / 2, (n + 2) / 2) THEN value END) AS median, min(value) AS min, max(value) AS max,
       max(CASE WHEN i = k THEN value END) AS lo, max(CASE WHEN i = n + 1 - k THEN value END) AS hi, max(coverage) AS coverage
FROM k GROUP BY cell_id, name;

-- v_model: a model as it was executed. Bits per weight come from bytes, never from the name of a format.
--   bits_per_weight         8 weight_bytes / n_params: matrices and vectors
--   matrix_bits_per_weight  8 sum(n_bytes) / sum(n_rows n_cols) of the matrices; stored_bits_per_weight: the same in the file
CREATE VIEW v_model AS
SELECT m.*, 8.0 * m.weight_bytes / m.n_params AS bits_per_weight, t.matrix_bits_per_weight, t.stored_bits_per_weight
FROM model m LEFT JOIN (
  SELECT model_id, 8.0 * sum(n_bytes) / sum(n_rows * n_cols) AS matrix_bits_per_weight, 8.0 * sum(stored_bytes) / sum(n_rows * n_cols)
         AS stored_bits_per_weight FROM model_tensor GROUP BY model_id) t ON t.model_id = m.id;

-- v_name: short names of cells for people.
--   model_name  file name of a path    shape  workload with its sizes ("micro 256+64")
--   setting     all axes, one text: equal where only the workload differs
--   label       the axes that vary within the run, a format with its bits per weight; the model's name where none does. A model name over 24 characters becomes its
--               first 14 and its number among the run's models.
CREATE VIEW v_name AS
WITH c AS (
  SELECT id AS cell_id, run_id, i_cell, model, backend, threads, quant, act, cache_type_k, cache_type_v, early_exit, token_reduction, cpu_mask, runner,
         (SELECT printf(' (%.2f bpw)', bits_per_weight) FROM v_model m WHERE m.id = model_id AND bits_per_weight IS NOT NULL) AS bits,
         replace(model, rtrim(model, replace(model, '/', '')), '') AS model_name,
         dense_rank() OVER (PARTITION BY run_id ORDER BY model) AS i_model,
         workload || coalesce(' ' || (options ->> '$.prompt') || '+' || (options ->> '$.gen'), '') AS shape
  FROM cell),
m AS (
  SELECT *, CASE WHEN length(model_name) <= 24 THEN replace(model_name, '.gguf', '')
                 ELSE substr(model_name, 1, 14) || '…#' || i_model END AS short_name FROM c),
v AS (
  SELECT run_id, count(DISTINCT model) > 1 AS model, count(DISTINCT backend) > 1 AS backend, count(DISTINCT threads) > 1 AS threads,
         count(DISTINCT quant) > 1 AS quant, count(DISTINCT act) > 1 AS act, count(DISTINCT cache_type_k) > 1 AS cache_type_k,
         count(DISTINCT cache_type_v) > 1 AS cache_type_v, count(DISTINCT early_exit) > 1 AS early_exit,
         count(DISTINCT token_reduction) > 1 AS token_reduction, count(DISTINCT cpu_mask) > 1 AS cpu_mask,
         count(DISTINCT runner) > 1 AS runner
  FROM c GROUP BY run_id)
SELECT c.cell_id, c.run_id, c.i_cell, c.model_name, c.shape,
       concat_axes.setting, coalesce(nullif(trim(
         CASE WHEN v.model THEN c.short_name || ' ' ELSE '' END || CASE WHEN v.runner THEN c.runner || ' ' ELSE '' END
         || CASE WHEN v.backend THEN c.backend || ' ' ELSE '' END || CASE WHEN v.quant THEN c.quant || coalesce(c.bits, '') || ' ' ELSE '' END
         || CASE WHEN v.act THEN 'act ' || c.act || ' ' ELSE '' END
         || CASE WHEN v.cache_type_k THEN 'K ' || c.cache_type_k || ' ' ELSE '' END
         || CASE WHEN v.cache_type_v THEN 'V ' || c.cache_type_v || ' ' ELSE '' END
         || CASE WHEN v.threads THEN c.threads || 't ' ELSE '' END || CASE WHEN v.cpu_mask THEN 'CPUs ' || c.cpu_mask || ' ' ELSE '' END
         || CASE WHEN v.early_exit AND c.early_exit <> 'none' THEN c.early_exit || ' ' ELSE '' END
         || CASE WHEN v.token_reduction AND c.token_reduction <> 'none' THEN c.token_reduction || ' ' ELSE '' END), ''),
         CASE WHEN v.early_exit OR v.token_reduction THEN 'plain' END, c.model_name) AS label
FROM m c JOIN v ON v.run_id = c.run_id
JOIN (SELECT id AS cell_id, json_array(model, runner, backend, threads, quant, act, cache_type_k, cache_type_v, early_exit, token_reduction,
                        cpu_mask) AS setting FROM cell) concat_axes ON concat_axes.cell_id = c.cell_id;

-- v_cell: one row per cell: its axes, how its measured repetitions ended, and the median of each figure with min, max, interval.
--   <figure>_lo.._hi: interval of the median with coverage ci_coverage (95 % or more from 6 repetitions on, see v_median_rank)
--   energy_per_token_uj is gross: nothing is subtracted for the idle machine. NULL with energy_reason when unknown.
CREATE VIEW v_cell AS
WITH o AS (
  SELECT cell_id, sum(status = 'ok') AS n_ok, sum(status = 'failed') AS n_failed, sum(status = 'skipped') AS n_skipped,
         sum(status = 'invalid') AS n_invalid
  FROM trial WHERE kind = 'measured' GROUP BY cell_id),
p AS (
  SELECT cell_id, max(coverage) AS ci_coverage,
         max(CASE name WHEN 'prefill_tps' THEN median END) AS prefill_tps,
         max(CASE name WHEN 'prefill_tps' THEN min END) AS prefill_tps_min,
         max(CASE name WHEN 'prefill_tps' THEN max END) AS prefill_tps_max,
         max(CASE name WHEN 'prefill_tps' THEN lo END) AS prefill_tps_lo,
         max(CASE name WHEN 'prefill_tps' THEN hi END) AS prefill_tps_hi,
         max(CASE name WHEN 'decode_tps' THEN median END) AS decode_tps,
         max(CASE name WHEN 'decode_tps' THEN min END) AS decode_tps_min,
         max(CASE name WHEN 'decode_tps' THEN max END) AS decode_tps_max,
         max(CASE name WHEN 'decode_tps' THEN lo END) AS decode_tps_lo,
         max(CASE name WHEN 'decode_tps' THEN hi END) AS decode_tps_hi,
         max(CASE name WHEN 'ttft_ns' THEN median END) AS ttft_ns, max(CASE name WHEN 'ttft_ns' THEN min END) AS ttft_ns_min,
         max(CASE name WHEN 'ttft_ns' THEN max END) AS ttft_ns_max, max(CASE name WHEN 'ttft_ns' THEN lo END) AS ttft_ns_lo,
         max(CASE name WHEN 'ttft_ns' THEN hi END) AS ttft_ns_hi, max(CASE name WHEN 'tpot_ns' THEN median END) AS tpot_ns,
         max(CASE name WHEN 'tpot_ns' THEN min END) AS tpot_ns_min, max(CASE name WHEN 'tpot_ns' THEN max END) AS tpot_ns_max,
         max(CASE name WHEN 'tpot_ns' THEN lo END) AS tpot_ns_lo, max(CASE name WHEN 'tpot_ns' THEN hi END) AS tpot_ns_hi,
         max(CASE name WHEN 'e2e_ns' THEN median END) AS e2e_ns, max(CASE name WHEN 'e2e_ns' THEN min END) AS e2e_ns_min,
         max(CASE name WHEN 'e2e_ns' THEN max END) AS e2e_ns_max, max(CASE name WHEN 'e2e_ns' THEN lo END) AS e2e_ns_lo,
         max(CASE name WHEN 'e2e_ns' THEN hi END) AS e2e_ns_hi,
         max(CASE name WHEN 'rss_peak_bytes' THEN median END) AS rss_peak_bytes,
         max(CASE name WHEN 'rss_peak_bytes' THEN min END) AS rss_peak_bytes_min,
         max(CASE name WHEN 'rss_peak_bytes' THEN max END) AS rss_peak_bytes_max,
         max(CASE name WHEN 'rss_peak_bytes' THEN lo END) AS rss_peak_bytes_lo,
         max(CASE name WHEN 'rss_peak_bytes' THEN hi END) AS rss_peak_bytes_hi,
         max(CASE name WHEN 'energy_per_token_uj' THEN median END) AS energy_per_token_uj,
         max(CASE name WHEN 'energy_per_token_uj' THEN min END) AS energy_per_token_uj_min,
         max(CASE name WHEN 'energy_per_token_uj' THEN max END) AS energy_per_token_uj_max,
         max(CASE name WHEN 'energy_per_token_uj' THEN lo END) AS energy_per_token_uj_lo,
         max(CASE name WHEN 'energy_per_token_uj' THEN hi END) AS energy_per_token_uj_hi,
         max(CASE name WHEN 'prefill_energy_per_token_uj' THEN median END) AS prefill_energy_per_token_uj,
         max(CASE name WHEN 'decode_energy_per_token_uj' THEN median END) AS decode_energy_per_token_uj,
         max(CASE name WHEN 'accuracy' THEN median END) AS accuracy,
         max(CASE name WHEN 'accuracy_norm' THEN median END) AS accuracy_norm,
         max(CASE name WHEN 'perplexity' THEN median END) AS perplexity,
         max(CASE name WHEN 'kv_bytes' THEN median END) AS kv_bytes,
         max(CASE name WHEN 'weight_bytes' THEN median END) AS weight_bytes,
         max(CASE name WHEN 'exit_drafted_tokens' THEN median END) AS exit_drafted_tokens,
         max(CASE name WHEN 'exit_accepted_tokens' THEN median END) AS exit_accepted_tokens,
         max(CASE name WHEN 'kept_tokens' THEN median END) AS kept_tokens,
         max(CASE name WHEN 'seen_tokens' THEN median END) AS seen_tokens,
         max(CASE name WHEN 'output_hash' THEN median END) AS output_hash,
         max(CASE name WHEN 'output_hash' THEN min END) AS output_hash_min,
         max(CASE name WHEN 'output_hash' THEN max END) AS output_hash_max
  FROM v_cell_value GROUP BY cell_id),
e AS (
  SELECT cell_id, min(origin) AS energy_origin, min(basis) AS energy_basis, min(reason) AS energy_reason
  FROM v_trial_energy WHERE kind = 'measured' GROUP BY cell_id)
SELECT c.run_id, c.id AS cell_id, c.i_cell, c.hash, n.label, n.shape, n.setting, n.model_name, c.model, c.backend, c.threads, c.quant,
       c.act, c.cache_type_k, c.cache_type_v, c.early_exit, c.token_reduction, c.cpu_mask, c.runner, c.workload, c.options,
       c.repetitions, c.refused,
       c.model_id, coalesce(o.n_ok, 0) AS n_ok, coalesce(o.n_failed, 0) AS n_failed, coalesce(o.n_skipped, 0) AS n_skipped,
       coalesce(o.n_invalid, 0) AS n_invalid, ci_coverage,
       prefill_tps, prefill_tps_min, prefill_tps_max, prefill_tps_lo, prefill_tps_hi, decode_tps, decode_tps_min,
       decode_tps_max, decode_tps_lo, decode_tps_hi, ttft_ns, ttft_ns_min, ttft_ns_max, ttft_ns_lo, ttft_ns_hi, tpot_ns,
       tpot_ns_min, tpot_ns_max, tpot_ns_lo, tpot_ns_hi, e2e_ns, e2e_ns_min, e2e_ns_max, e2e_ns_lo, e2e_ns_hi, rss_peak_bytes,
       rss_peak_bytes_min, rss_peak_bytes_max, rss_peak_bytes_lo, rss_peak_bytes_hi, energy_per_token_uj,
       energy_per_token_uj_min, energy_per_token_uj_max, energy_per_token_uj_lo, energy_per_token_uj_hi,
       prefill_energy_per_token_uj, decode_energy_per_token_uj, accuracy,
       accuracy_norm, perplexity, kv_bytes, weight_bytes, exit_drafted_tokens, exit_accepted_tokens, kept_tokens, seen_tokens,
       output_hash, output_hash_min, output_hash_max,
       energy_origin, energy_basis,
       CASE WHEN energy_per_token_uj IS NULL AND o.n_ok > 0 THEN coalesce(energy_reason, 'no token was generated') END AS energy_reason
FROM cell c JOIN v_name n ON n.cell_id = c.id
LEFT JOIN o ON o.cell_id = c.id LEFT JOIN p ON p.cell_id = c.id LEFT JOIN e ON e.cell_id = c.id;

-- v_cell_metric: every reported metric per cell, scope and source over measured ok repetitions: n known, median, min, max; n_unknown and
--   a reason where some are unknown. Median as in v_cell_value.
CREATE VIEW v_cell_metric AS
WITH x AS (
  SELECT t.cell_id, m.name, m.scope, m.source, m.origin, m.value, m.reason,
         row_number() OVER (PARTITION BY t.cell_id, m.name, m.scope, m.source, m.origin ORDER BY m.value IS NULL, m.value) AS i,
         count(m.value) OVER (PARTITION BY t.cell_id, m.name, m.scope, m.source, m.origin) AS n
  FROM trial t JOIN metric m ON m.trial_id = t.id WHERE t.kind = 'measured' AND t.status = 'ok')
SELECT cell_id, name, scope, source, origin, n, avg(CASE WHEN i IN ((n + 1) / 2, (n + 2) / 2) THEN value END) AS median,
       min(value) AS min, max(value) AS max, count(*) - n AS n_unknown, max(reason) AS reason
FROM x GROUP BY cell_id, name, scope, source, origin;

-- v_percentile_need: the percentiles that are given, and the least number of gaps that makes each honest: MLPerf early stopping, 99 % confidence
--   (mb_stats_quantile_need).
CREATE VIEW v_percentile_need(q, name, need) AS VALUES (0.5, 'p50', 11), (0.9, 'p90', 64), (0.95, 'p95', 130), (0.99, 'p99', 662);

-- v_itl_percentile: percentiles of the inter-token latency, all gaps of the cell's measured ok repetitions together.
--   Linear interpolation between order statistics, h = (n-1) q + 1 (Hyndman & Fan 1996, type 7; numpy's default).
--   Only from enough gaps (v_percentile_need), else NULL and the reason.
CREATE VIEW v_itl_percentile AS
WITH g AS MATERIALIZED (
  SELECT cell_id, itl_ns, row_number() OVER (PARTITION BY cell_id ORDER BY itl_ns) AS i, count(*) OVER (PARTITION BY cell_id) AS n
  FROM v_gap WHERE kind = 'measured'),
h AS (SELECT g.*, q.*, (n - 1) * q.q + 1 AS h, CAST((n - 1) * q.q AS INTEGER) + 1 AS lower FROM g, v_percentile_need q)
SELECT cell_id, q, name, need, n,
       CASE WHEN n >= need THEN sum(CASE i WHEN lower THEN itl_ns * (1 - (h - lower)) WHEN lower + 1 THEN itl_ns * (h - lower) END) END
         AS itl_ns,
       CASE WHEN n < need THEN name || ' needs ' || need || ' gaps, there are ' || n END AS reason
FROM h GROUP BY cell_id, q;

-- v_trial_itl: the same of each measured repetition by itself, rows only where its gaps are enough: what two runs are compared by.
CREATE VIEW v_trial_itl AS
WITH g AS (
  SELECT cell_id, trial_id, itl_ns, row_number() OVER (PARTITION BY trial_id ORDER BY itl_ns) AS i,
         count(*) OVER (PARTITION BY trial_id) AS n
  FROM v_gap WHERE kind = 'measured'),
h AS (SELECT g.*, q.*, (n - 1) * q.q + 1 AS h, CAST((n - 1) * q.q AS INTEGER) + 1 AS lower FROM g JOIN v_percentile_need q ON g.n >= q.need)
SELECT cell_id, trial_id, 'itl_' || name || '_ns' AS name,
       sum(CASE i WHEN lower THEN itl_ns * (1 - (h - lower)) WHEN lower + 1 THEN itl_ns * (h - lower) END) AS value
FROM h GROUP BY trial_id, q;

-- v_itl: the same, one row per cell.
CREATE VIEW v_itl AS
SELECT cell_id, max(n) AS n, max(CASE name WHEN 'p50' THEN itl_ns END) AS p50_ns, max(CASE name WHEN 'p90' THEN itl_ns END) AS p90_ns,
       max(CASE name WHEN 'p95' THEN itl_ns END) AS p95_ns, max(CASE name WHEN 'p99' THEN itl_ns END) AS p99_ns
FROM v_itl_percentile GROUP BY cell_id;

-- v_accuracy: per cell and task (scope), and '' for all tasks together. n = questions of one repetition: asking the same question
--   again is no new evidence. Interval: Wilson score (Wilson 1927), z = 1.96:
--   (p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n)
CREATE VIEW v_accuracy AS
WITH a AS (
  SELECT m.cell_id, m.scope AS task, m.median AS accuracy, n.median AS n, m.origin
  FROM v_cell_metric m LEFT JOIN v_cell_metric n ON n.cell_id = m.cell_id AND n.name = 'n_questions' AND n.scope = m.scope
    AND n.source = m.source
  WHERE m.name = 'accuracy' AND m.n > 0 AND m.scope <> ''
  UNION ALL
  SELECT v.cell_id, '', v.median, q.n, 'measured' FROM v_cell_value v
  LEFT JOIN (SELECT cell_id, max(n_questions) AS n FROM v_trial_accuracy WHERE kind = 'measured' AND name = 'accuracy' GROUP BY cell_id) q
    ON q.cell_id = v.cell_id
  WHERE v.name = 'accuracy')
SELECT cell_id, task, accuracy, CAST(n AS INTEGER) AS n_questions, origin,
       (accuracy + 1.9208 / n - 1.96 * sqrt(accuracy * (1 - accuracy) / n + 0.9604 / (n * n))) / (1 + 3.8416 / n) AS lo,
       (accuracy + 1.9208 / n + 1.96 * sqrt(accuracy * (1 - accuracy) / n + 0.9604 / (n * n))) / (1 + 3.8416 / n) AS hi
FROM a;

-- v_speed: per setting of a run the one cell that stands for its speed: of its micro cells (of chat where there is none) with a decode
--   rate the one that comes first in the plan.
CREATE VIEW v_speed AS
WITH s AS (
  SELECT *, row_number() OVER (PARTITION BY run_id, setting ORDER BY workload <> 'micro', i_cell) AS i
  FROM v_cell WHERE workload IN ('micro', 'chat') AND decode_tps IS NOT NULL)
SELECT * FROM s WHERE i = 1;

-- v_tradeoff: quality, size and speed of one setting: cells that answered questions or text, joined to the speed cell of the same setting.
--   weight_bytes = weights as executed (engine's report, else the model table)
CREATE VIEW v_tradeoff AS
WITH c AS MATERIALIZED (SELECT * FROM v_cell),
q AS (
  SELECT run_id, setting, min(i_cell) AS i_cell, min(label) AS label, min(model_name) AS model_name, min(quant) AS quant,
         min(threads) AS threads, min(backend) AS backend, min(early_exit) AS early_exit, min(token_reduction) AS token_reduction,
         max(CASE WHEN accuracy IS NOT NULL THEN cell_id END) AS accuracy_cell, max(perplexity) AS perplexity,
         max(model_id) AS model_id, max(rss_peak_bytes) AS rss_peak_bytes
  FROM c WHERE accuracy IS NOT NULL OR perplexity IS NOT NULL GROUP BY run_id, setting)
SELECT q.run_id, q.setting, q.i_cell, q.label, q.model_name, q.quant, q.threads, q.backend, q.early_exit, q.token_reduction,
       a.accuracy, a.lo AS accuracy_lo, a.hi AS accuracy_hi, a.n_questions, q.perplexity,
       coalesce(c.weight_bytes, m.weight_bytes) AS weight_bytes, m.bits_per_weight, s.shape AS speed_shape, s.n_ok AS speed_n,
       s.decode_tps, s.decode_tps_lo, s.decode_tps_hi, s.prefill_tps, s.energy_per_token_uj, s.energy_origin,
       coalesce(s.rss_peak_bytes, q.rss_peak_bytes) AS rss_peak_bytes
FROM q LEFT JOIN v_accuracy a ON a.cell_id = q.accuracy_cell AND a.task = ''
LEFT JOIN c ON c.cell_id = q.accuracy_cell
LEFT JOIN v_model m ON m.id = q.model_id
LEFT JOIN v_speed s ON s.run_id = q.run_id AND s.setting = q.setting;

-- v_method: what early exit and token reduction buy: a cell against its baseline, the cell that differs only in having neither.
--   speedup = decode_tps / baseline's; acceptance = accepted / drafted tokens; kept_ratio = kept / seen tokens;
--   same_output = 1 when every repetition of both generated the same tokens (output_hash), 0 when not, NULL when not reported
CREATE VIEW v_method AS
WITH c AS MATERIALIZED (SELECT * FROM v_cell)
SELECT m.run_id, m.cell_id, b.cell_id AS baseline_cell_id, m.i_cell, m.label, m.shape, m.quant, m.threads, m.early_exit, m.token_reduction,
       m.early_exit = 'none' AND m.token_reduction = 'none' AS is_baseline, m.n_ok,
       m.decode_tps, m.decode_tps_lo, m.decode_tps_hi, b.decode_tps AS baseline_tps, b.decode_tps_lo AS baseline_tps_lo,
       b.decode_tps_hi AS baseline_tps_hi, m.decode_tps / b.decode_tps AS speedup, m.ci_coverage,
       m.exit_drafted_tokens AS drafted, m.exit_accepted_tokens AS accepted, m.exit_accepted_tokens / m.exit_drafted_tokens AS acceptance,
       m.kept_tokens AS kept, m.seen_tokens AS seen, m.kept_tokens / m.seen_tokens AS kept_ratio,
       m.kv_bytes, m.rss_peak_bytes, b.rss_peak_bytes AS baseline_rss_peak_bytes,
       CASE WHEN m.output_hash_min = m.output_hash_max AND b.output_hash_min = b.output_hash_max THEN m.output_hash = b.output_hash
            WHEN m.output_hash IS NOT NULL AND b.output_hash IS NOT NULL THEN 0 END AS same_output
FROM c m JOIN c b ON b.run_id = m.run_id AND b.model = m.model AND b.runner = m.runner AND b.backend = m.backend AND b.threads = m.threads
  AND b.quant = m.quant AND b.act = m.act AND b.cache_type_k = m.cache_type_k AND b.cache_type_v = m.cache_type_v
  AND b.cpu_mask = m.cpu_mask
  AND b.workload = m.workload AND b.options = m.options AND b.early_exit = 'none' AND b.token_reduction = 'none'
WHERE m.decode_tps IS NOT NULL AND b.decode_tps IS NOT NULL;

-- v_problem: what did not give a number, and why: cells refused when the plan was expanded (once, not again for the skipped repetition that
--   stands for them), repetitions that failed, were skipped or are invalid (equal reasons of a cell counted), and cells whose repetitions
--   are not all there (the run was interrupted).
CREATE VIEW v_problem AS
SELECT run_id, i_cell, id AS cell_id, 'refused' AS what, '' AS kind, 1 AS n, refused AS reason FROM cell WHERE refused IS NOT NULL
UNION ALL
SELECT c.run_id, c.i_cell, c.id, t.status, t.kind, count(*), t.reason
FROM trial t JOIN cell c ON c.id = t.cell_id WHERE t.status <> 'ok' AND (c.refused IS NULL OR t.status <> 'skipped')
GROUP BY c.id, t.status, t.kind, t.reason
UNION ALL
SELECT c.run_id, c.i_cell, c.id, 'unfinished', 'measured', c.repetitions - count(t.id),
       CASE WHEN r.state = 'running' THEN 'the run has not finished: meltbench run PLAN continues it'
            WHEN sum(t.status = 'failed') > 0 THEN 'given up after failures' ELSE 'not measured' END
FROM cell c JOIN run r ON r.id = c.run_id LEFT JOIN trial t ON t.cell_id = c.id AND t.kind = 'measured'
WHERE c.refused IS NULL GROUP BY c.id HAVING count(t.id) < c.repetitions;

-- v_phase: spans of a repetition for timelines, ns since its begin: load, tokenize, prefill, decode (first to last token), detokenize.
CREATE VIEW v_phase AS
SELECT trial_id, request, CASE WHEN kind = 'token' THEN 'decode' ELSE replace(replace(kind, '_begin', ''), '_end', '') END AS phase,
       min(t_ns) AS t0_ns, max(t_ns) AS t1_ns, count(*) AS n_events
FROM event WHERE kind NOT IN ('request_begin', 'request_end') GROUP BY trial_id, request, phase HAVING count(*) > 1;

-- v_fastest: the cells of a run that generate, best decoding rate first (place 1), with a name short enough for a legend.
CREATE VIEW v_fastest AS
SELECT c.run_id, c.cell_id,
       c.label || CASE WHEN (SELECT count(DISTINCT n.shape) FROM v_name n WHERE n.run_id = c.run_id AND n.shape NOT IN ('accuracy', 'perplexity')) > 1
                       THEN ' · ' || replace(c.shape, 'micro ', '') ELSE '' END AS series,
       row_number() OVER (PARTITION BY c.run_id ORDER BY c.decode_tps DESC, c.i_cell) AS place
FROM v_cell c WHERE c.decode_tps IS NOT NULL AND c.workload IN ('micro', 'chat');

-- v_series: raw samples with what they are.
CREATE VIEW v_series AS
SELECT s.trial_id, s.id AS stream_id, s.source, s.name, s.channel, s.origin, s.period_ns, s.n_errors, x.t_us, x.value
FROM stream s JOIN sample x ON x.stream_id = s.id;

-- v_unknown: metrics that no repetition of a run could report, and why.
CREATE VIEW v_unknown AS
SELECT c.run_id, m.source, m.name, m.scope, max(m.reason) AS reason, count(*) AS n
FROM metric m JOIN trial t ON t.id = m.trial_id JOIN cell c ON c.id = t.cell_id
GROUP BY c.run_id, m.source, m.name, m.scope HAVING count(m.value) = 0;

-- v_run: a run with its plan, build and device, and how many cells and repetitions it has.
CREATE VIEW v_run AS
SELECT r.id AS run_id, r.started_utc, r.finished_utc, r.state, r.conditions, p.name AS plan, p.hash AS plan_hash, b.version, b.commit_id,
       b.compiler, b.flags, b.type AS build_type, b.sanitizer, b.binary_sha256, d.name AS device, d.cpu, d.n_cores, d.memory_bytes,
       d.kernel, d.facts, d.fingerprint,
       (SELECT count(*) FROM cell c WHERE c.run_id = r.id) AS n_cells, coalesce(t.n, 0) AS n_trials, coalesce(t.n_ok, 0) AS n_ok,
       coalesce(t.n_skipped, 0) AS n_skipped, coalesce(t.n - t.n_ok - t.n_skipped, 0) AS n_failed -- or invalid
FROM run r JOIN plan p ON p.id = r.plan_id JOIN build b ON b.id = r.build_id JOIN device d ON d.id = r.device_id
LEFT JOIN (SELECT c.run_id, count(*) AS n, sum(t.status = 'ok') AS n_ok, sum(t.status = 'skipped') AS n_skipped
           FROM trial t JOIN cell c ON c.id = t.cell_id WHERE t.kind = 'measured' GROUP BY c.run_id) t ON t.run_id = r.id;

-- v_run_noise: one row per session of a run (start or resume): the noise grade measured before it (harness/noise.h; NULL: not measured) and what
--   happened during it, from counts at its begin and end (NULL: the machine does not tell, or the session was killed).
--   steal_share  stolen ticks / all ticks      pressure_share  time in which something waited for a processor / time
--   n_group_throttled, group_throttled_ns      stops of our control groups by their quota
CREATE VIEW v_run_noise AS
SELECT r.id AS run_id, s.key AS i_session, s.value ->> '$.started_utc' AS started_utc, s.value ->> '$.noise.grade' AS grade,
       s.value ->> '$.noise.p99_over_median' AS p99_over_median, s.value ->> '$.noise.gap_share' AS gap_share, s.value ->> '$.noise.seconds' AS noise_s,
       s.value ->> '$.during.seconds' AS session_s, s.value ->> '$.during.steal_share' AS steal_share,
       s.value ->> '$.during.pressure_share' AS pressure_share, s.value ->> '$.during.group_throttled' AS n_group_throttled,
       s.value ->> '$.during.group_throttled_ns' AS group_throttled_ns
FROM run r, json_each(r.conditions, '$.sessions') s;

-- v_run_model: models that the cells of a run executed.
CREATE VIEW v_run_model AS
SELECT DISTINCT c.run_id, m.* FROM cell c JOIN v_model m ON m.id = c.model_id;

-- v_stream: which channels were sampled during a repetition.
CREATE VIEW v_stream AS
SELECT s.id AS stream_id, s.trial_id, s.source, s.name, s.channel, s.origin, s.period_ns, s.n_errors FROM stream s;

-- v_limit: what `meltbench calibrate` measured: median of the repetitions of one loop, with the interval of v_median_rank.
--   read           bytes/s: each thread streams its own part of a buffer of n_bytes;  beyond_caches: n_bytes is 4 x the last-level cache, but for a rest of 16 MiB
--   read_matrices  bytes/s: matrices of 1 to 8 MiB one after the other, all threads on each, a meeting after each (as decoding reads weights)
--   f32, int8      flop/s and op/s (2 per multiply-add) of the instruction set on registers
CREATE VIEW v_limit AS
WITH x AS (
  SELECT *, row_number() OVER w AS i, count(*) OVER (PARTITION BY calibration_id, kind, isa, threads, n_bytes) AS n
  FROM calibration_sample WINDOW w AS (PARTITION BY calibration_id, kind, isa, threads, n_bytes ORDER BY value))
SELECT x.calibration_id, c.device_id, c.started_utc, x.kind, x.isa, x.threads, x.n_bytes, CASE WHEN n_bytes > 0 THEN n_bytes + 16777216 > 4 * c.cache_bytes END AS beyond_caches, x.n,
       avg(value) FILTER (WHERE i IN ((x.n + 1) / 2, (x.n + 2) / 2)) AS median,
       max(value) FILTER (WHERE i = coalesce(r.k, 1)) AS lo, max(value) FILTER (WHERE i = x.n + 1 - coalesce(r.k, 1)) AS hi,
       r.coverage
FROM x JOIN calibration c ON c.id = x.calibration_id LEFT JOIN v_median_rank r ON r.n = x.n
GROUP BY x.calibration_id, x.kind, x.isa, x.threads, x.n_bytes;

-- v_profile: operators of a profile.   share = total_ns / wall_ns of the phase   gflops = flop / total_ns   gb_per_s = n_bytes / total_ns
--   of_roof = bound_ns / total_ns: 1 would be as fast as the measured limits allow;   the rest of wall_ns is row 'unaccounted'
CREATE VIEW v_profile AS
SELECT o.profile_id, o.phase, o.i_row, o.op, o.tensor, o.w_type, o.a_type, o.m, o.n, o.k, o.calls, o.total_ns,
       1.0 * o.total_ns / nullif(p.wall_ns, 0) AS share, o.flop / nullif(o.total_ns, 0) AS gflops,
       o.n_bytes / nullif(o.total_ns, 0) AS gb_per_s, o.bound_ns / nullif(o.total_ns, 0) AS of_roof
FROM profile_op o JOIN profile_phase p USING (profile_id, phase)
UNION ALL
SELECT profile_id, phase, 1000000, 'unaccounted', '', '', '', 0, 0, 0, 0, wall_ns - traced_ns, 1.0 * (wall_ns - traced_ns) / nullif(wall_ns, 0),
       NULL, NULL, NULL
FROM profile_phase;

-- v_bench_sample: times that llama-bench's figures are made of, one a row, with the tokens in them (n_prompt + n_gen): of the ok measured repetitions of micro cells, from the begin of
--   the prefill to the last token (where no token was asked for, to the end of the prefill); of imported rows, their samples_ns.
--   The CAST gives the column the affinity that an automatic index on it needs: 8000 imported rows in 0.3 s instead of 4.7.
CREATE VIEW v_bench_sample AS
SELECT t.cell_id, CAST(NULL AS INTEGER) AS import_row_id, t.repetition AS i, c.options ->> '$.prompt' + c.options ->> '$.gen' AS n_tokens,
       max(CASE WHEN e.kind = CASE WHEN c.options ->> '$.gen' > 0 THEN 'token' ELSE 'prefill_end' END THEN e.t_ns END)
       - min(CASE e.kind WHEN 'prefill_begin' THEN e.t_ns END) AS ns
FROM cell c JOIN trial t ON t.cell_id = c.id JOIN event e ON e.trial_id = t.id
WHERE c.workload = 'micro' AND t.kind = 'measured' AND t.status = 'ok' AND e.request = 0
GROUP BY t.id
UNION ALL
SELECT NULL, r.id, s.key, r.record ->> '$.n_prompt' + r.record ->> '$.n_gen', s.value FROM import_row r, json_each(r.record, '$.samples_ns') s;

-- llama_bench: the table of llama-bench -o sql, under its name and with its columns in its order, over the micro cells of all runs and the
--   imported rows; then what only some generations of it have, the samples as JSON, our axes, and where the row comes from.
--   avg_ns, stddev_ns: mean and standard deviation (n - 1, two passes; 0 for one sample) of the samples
--   avg_ts, stddev_ts: the same of (n_prompt + n_gen) 1e9 / sample
--   Imported rows without samples keep their own four, but a stddev_ns that is not believed (import_row.flaw) is NULL. What their
--   llama-bench did not print is NULL; load_mode and use_mmap follow from each other.
--   Options that this engine has no notion of have the value that llama-bench prints when they are untouched (harness/bench_column.def).
CREATE VIEW llama_bench AS
WITH s AS (
  SELECT cell_id, import_row_id, ns, n_tokens * 1e9 / ns AS ts, avg(ns) OVER w AS mean_ns, avg(n_tokens * 1e9 / ns) OVER w AS mean_ts
  FROM v_bench_sample WHERE ns > 0 WINDOW w AS (PARTITION BY cell_id, import_row_id) ORDER BY cell_id, import_row_id, i),
f AS (
  SELECT cell_id, import_row_id, CAST(round(mean_ns) AS INTEGER) AS avg_ns,
         CAST(round(coalesce(sqrt(sum((ns - mean_ns) * (ns - mean_ns)) / nullif(count(*) - 1, 0)), 0)) AS INTEGER) AS stddev_ns,
         mean_ts AS avg_ts, coalesce(sqrt(sum((ts - mean_ts) * (ts - mean_ts)) / nullif(count(*) - 1, 0)), 0) AS stddev_ts,
         json_group_array(ns) AS samples_ns, json_group_array(ts) AS samples_ts
  FROM s GROUP BY cell_id, import_row_id)
SELECT u.commit_id AS build_commit, 0 AS build_number, d.cpu AS cpu_info, '' AS gpu_info, upper(c.backend) AS backends,
       coalesce(m.name, c.model) AS model_filename,
       coalesce(m.arch, 'none') || CASE WHEN m.n_params >= 1e9 THEN printf(' %.1fB ', m.n_params / 1e9) ELSE printf(' %.0fM ', coalesce(m.n_params, 0) / 1e6) END
       || coalesce((SELECT upper(coalesce(stored_type, type)) FROM model_tensor WHERE model_id = m.id
                    GROUP BY 1 ORDER BY sum(coalesce(stored_bytes, n_bytes, 0)) DESC LIMIT 1), 'none') AS model_type,
       m.weight_bytes AS model_size, m.n_params AS model_n_params,
       512 AS n_batch, 512 AS n_ubatch, c.threads AS n_threads, '0x0' AS cpu_mask, 0 AS cpu_strict, 50 AS poll,
       c.cache_type_k AS type_k, c.cache_type_v AS type_v, 0 AS n_gpu_layers, 0 AS n_cpu_moe, 'layer' AS split_mode, 0 AS main_gpu,
       0 AS no_kv_offload, 0 AS flash_attn, 'auto' AS devices, '0.00' AS tensor_split, 'none' AS tensor_buft_overrides, 'mmap' AS load_mode,
       0 AS embeddings, 0 AS no_op_offload, 0 AS no_host, 0 AS fit_target, 0 AS fit_min_ctx,
       c.options ->> '$.prompt' AS n_prompt, c.options ->> '$.gen' AS n_gen, coalesce(c.options ->> '$.depth', 0) AS n_depth,
       (SELECT min(started_utc) FROM trial WHERE cell_id = c.id AND kind = 'measured' AND status = 'ok') AS test_time,
       f.avg_ns, f.stddev_ns, f.avg_ts, f.stddev_ts,
       1 AS use_mmap, NULL AS lazy_mode, NULL AS repack, f.samples_ns, f.samples_ts,
       c.backend, c.quant, c.act, c.early_exit, c.token_reduction, 'run' AS provenance, 'run ' || c.run_id AS source, c.run_id, c.id AS cell_id
FROM f JOIN cell c ON c.id = f.cell_id JOIN run r ON r.id = c.run_id JOIN build u ON u.id = r.build_id JOIN device d ON d.id = r.device_id
LEFT JOIN model m ON m.id = c.model_id
UNION ALL
SELECT j ->> '$.build_commit', j ->> '$.build_number', j ->> '$.cpu_info', j ->> '$.gpu_info', j ->> '$.backends', j ->> '$.model_filename',
       j ->> '$.model_type', j ->> '$.model_size', j ->> '$.model_n_params', j ->> '$.n_batch', j ->> '$.n_ubatch', j ->> '$.n_threads',
       j ->> '$.cpu_mask', j ->> '$.cpu_strict', j ->> '$.poll', j ->> '$.type_k', j ->> '$.type_v', j ->> '$.n_gpu_layers', j ->> '$.n_cpu_moe',
       j ->> '$.split_mode', j ->> '$.main_gpu', j ->> '$.no_kv_offload', j ->> '$.flash_attn', j ->> '$.devices', j ->> '$.tensor_split',
       j ->> '$.tensor_buft_overrides', coalesce(j ->> '$.load_mode', CASE j ->> '$.use_mmap' WHEN 1 THEN 'mmap' WHEN 0 THEN 'none' END),
       j ->> '$.embeddings', j ->> '$.no_op_offload', j ->> '$.no_host', j ->> '$.fit_target', j ->> '$.fit_min_ctx',
       j ->> '$.n_prompt', j ->> '$.n_gen', j ->> '$.n_depth', j ->> '$.test_time',
       coalesce(f.avg_ns, j ->> '$.avg_ns'), coalesce(f.stddev_ns, CASE WHEN flaw IS NULL THEN j ->> '$.stddev_ns' END),
       coalesce(f.avg_ts, j ->> '$.avg_ts'), coalesce(f.stddev_ts, j ->> '$.stddev_ts'),
       coalesce(j ->> '$.use_mmap', (j ->> '$.load_mode') LIKE '%mmap%'), j ->> '$.lazy_mode', j ->> '$.repack', f.samples_ns, f.samples_ts,
       j ->> '$.backend', j ->> '$.quant', j ->> '$.act', j ->> '$.early_exit', j ->> '$.token_reduction', 'imported', source, NULL, NULL
FROM (SELECT r.id, r.flaw, r.record AS j, i.name AS source FROM import_row r JOIN import_file i ON i.id = r.import_file_id) x
LEFT JOIN f ON f.import_row_id = x.id;
