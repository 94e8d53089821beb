-- schema.sql - version 4. SI integers with the unit in the name; unknown is NULL plus a reason; every figure says its origin.
-- PRAGMA user_version and application_id are set by the code after this file ran. Later versions: see README.md, "Changing the schema".
-- (json_valid(NULL) is 0 before SQLite 3.45, hence the "IS NULL OR".)

CREATE TABLE device (           -- the machine, as far as it matters to a figure
  id           INTEGER PRIMARY KEY,
  fingerprint  TEXT NOT NULL UNIQUE,  -- sha256 of the facts and of the columns below
  name         TEXT NOT NULL,         -- host name
  cpu          TEXT NOT NULL,         -- model name
  n_cores      INTEGER NOT NULL,
  memory_bytes INTEGER,
  kernel       TEXT,
  facts        TEXT NOT NULL CHECK (json_valid(facts)) -- caches, features, governor, virtualisation, sensors found and why others not
) STRICT;

CREATE TABLE build (
  id        INTEGER PRIMARY KEY,
  version   TEXT NOT NULL,
  commit_id TEXT NOT NULL,            -- with -dirty when the tree had changes
  compiler  TEXT NOT NULL,
  flags     TEXT NOT NULL,
  type      TEXT NOT NULL,            -- Release, Debug, ...
  sanitizer TEXT NOT NULL,
  binary_sha256 TEXT NOT NULL UNIQUE  -- of the running binary: two builds of one commit are two builds
) STRICT;

CREATE TABLE model (
  id                INTEGER PRIMARY KEY,
  sha256            TEXT NOT NULL,
  quant             TEXT NOT NULL,    -- as executed: the quant axis
  name              TEXT NOT NULL,    -- file name
  arch              TEXT,
  n_params          INTEGER,
  file_bytes        INTEGER NOT NULL,
  weight_bytes      INTEGER,          -- as executed
  tensor_types      TEXT CHECK (tensor_types IS NULL OR json_valid(tensor_types)), -- [{"type","tensors","weights","bytes"}] as executed, vectors too
  UNIQUE (sha256, quant)
) STRICT;

CREATE TABLE model_tensor (           -- matrices; NULL sizes: stored by format 1 or 2, which kept names and types only
  model_id     INTEGER NOT NULL REFERENCES model(id) ON DELETE CASCADE,
  name         TEXT NOT NULL,         -- as in GGUF
  i_tensor     INTEGER,               -- embedding, layers, head
  n_rows       INTEGER,
  n_cols       INTEGER,
  type         TEXT NOT NULL,         -- as executed
  n_bytes      INTEGER,               -- as executed, before packing
  stored_type  TEXT,                  -- in the file
  stored_bytes INTEGER,
  PRIMARY KEY (model_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE plan (
  id     INTEGER PRIMARY KEY,
  hash   TEXT NOT NULL UNIQUE,        -- sha256 of the canonical plan
  name   TEXT NOT NULL,
  text   TEXT NOT NULL                -- canonical JSON
) STRICT;

CREATE TABLE run (
  id           INTEGER PRIMARY KEY,
  plan_id      INTEGER NOT NULL REFERENCES plan(id),
  build_id     INTEGER NOT NULL REFERENCES build(id),
  device_id    INTEGER NOT NULL REFERENCES device(id),
  started_utc  TEXT NOT NULL,
  finished_utc TEXT,
  state        TEXT NOT NULL CHECK (state IN ('running', 'finished')), -- an interrupted run stays 'running' until resumed
  conditions   TEXT CHECK (conditions IS NULL OR json_valid(conditions)) -- governor, load, mains or battery, temperature at start; sessions: see v_run_noise
) STRICT;

CREATE TABLE cell (                   -- one configuration within a run
  id          INTEGER PRIMARY KEY,
  run_id      INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,
  model_id    INTEGER REFERENCES model(id),  -- NULL until the model was opened, and for runners without one
  i_cell      INTEGER NOT NULL,       -- position in the expanded plan
  hash        TEXT NOT NULL,          -- sha256 of config, model sha256, data sha256s: equal across runs
  config      TEXT NOT NULL CHECK (json_valid(config)), -- canonical JSON: axes, workload, options, seed, protocol part that matters
  repetitions INTEGER NOT NULL,
  refused     TEXT,                   -- reason why it was not run at all
  -- axes, derived from config by one rule; the list follows harness/base/axis.def
  model           TEXT GENERATED ALWAYS AS (config ->> '$.axes.model') VIRTUAL,
  backend         TEXT GENERATED ALWAYS AS (config ->> '$.axes.backend') VIRTUAL,
  threads         INTEGER GENERATED ALWAYS AS (CAST(config ->> '$.axes.threads' AS INTEGER)) VIRTUAL,
  quant           TEXT GENERATED ALWAYS AS (config ->> '$.axes.quant') VIRTUAL,
  act             TEXT GENERATED ALWAYS AS (config ->> '$.axes.act') VIRTUAL,
  cache_type_k    TEXT GENERATED ALWAYS AS (config ->> '$.axes.cache_type_k') VIRTUAL,
  cache_type_v    TEXT GENERATED ALWAYS AS (config ->> '$.axes.cache_type_v') VIRTUAL,
  early_exit      TEXT GENERATED ALWAYS AS (config ->> '$.axes.early_exit') VIRTUAL,
  token_reduction TEXT GENERATED ALWAYS AS (config ->> '$.axes.token_reduction') VIRTUAL,
  cpu_mask        TEXT GENERATED ALWAYS AS (coalesce(config ->> '$.axes.cpu_mask', 'all')) VIRTUAL,
  runner          TEXT GENERATED ALWAYS AS (config ->> '$.runner') VIRTUAL,
  workload        TEXT GENERATED ALWAYS AS (config ->> '$.workload') VIRTUAL,
  options         TEXT GENERATED ALWAYS AS (config -> '$.options') VIRTUAL,
  UNIQUE (run_id, hash)
) STRICT;

CREATE TABLE trial (                  -- one repetition; written in one transaction with all its rows below
  id          INTEGER PRIMARY KEY,
  cell_id     INTEGER NOT NULL REFERENCES cell(id) ON DELETE CASCADE,
  kind        TEXT NOT NULL CHECK (kind IN ('measured', 'warmup', 'cold')),
  repetition  INTEGER NOT NULL,       -- from 0 within its kind
  status      TEXT NOT NULL CHECK (status IN ('ok', 'failed', 'skipped', 'invalid')),
  reason      TEXT,                   -- NULL when ok
  started_utc TEXT NOT NULL,
  begin_ns    INTEGER NOT NULL,       -- CLOCK_MONOTONIC_RAW; event.t_ns and sample.t_us count from here
  duration_ns INTEGER NOT NULL,
  UNIQUE (cell_id, kind, repetition),
  CHECK ((status = 'ok') = (reason IS NULL))
) STRICT;

CREATE TABLE event (
  trial_id INTEGER NOT NULL REFERENCES trial(id) ON DELETE CASCADE,
  seq      INTEGER NOT NULL,
  kind     TEXT NOT NULL,             -- names of harness/base/event.def
  request  INTEGER NOT NULL,
  i_token  INTEGER NOT NULL,          -- index of a token; 0 for other kinds
  t_ns     INTEGER NOT NULL,          -- since trial.begin_ns (negative: model load before it)
  value    INTEGER NOT NULL,
  PRIMARY KEY (trial_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE stream (                 -- one channel of one collector during one trial
  id        INTEGER PRIMARY KEY,
  trial_id  INTEGER NOT NULL REFERENCES trial(id) ON DELETE CASCADE,
  source    TEXT NOT NULL,            -- collector
  name      TEXT NOT NULL,            -- quantity with unit: power_uw, rss_anon_bytes, temp_milli_c, freq_khz
  channel   TEXT NOT NULL,            -- package-0, cpu-thermal, policy0
  origin    TEXT NOT NULL CHECK (origin IN ('measured', 'estimated', 'simulated')),
  period_ns INTEGER NOT NULL,
  n_errors  INTEGER NOT NULL
) STRICT;
CREATE INDEX stream_by_trial ON stream(trial_id);

CREATE TABLE sample (                 -- about 17 bytes a row
  stream_id INTEGER NOT NULL REFERENCES stream(id) ON DELETE CASCADE,
  t_us      INTEGER NOT NULL,         -- since trial.begin_ns
  value     INTEGER NOT NULL,         -- in the unit of stream.name
  PRIMARY KEY (stream_id, t_us)
) STRICT, WITHOUT ROWID;

CREATE TABLE metric (
  trial_id INTEGER NOT NULL REFERENCES trial(id) ON DELETE CASCADE,
  name     TEXT NOT NULL,             -- names of harness/base/metric.def
  scope    TEXT NOT NULL,             -- '' = whole trial; phase, rail, task
  source   TEXT NOT NULL,
  origin   TEXT NOT NULL CHECK (origin IN ('measured', 'estimated', 'simulated')),
  value    REAL,                      -- NULL = unknown, then reason
  reason   TEXT,
  PRIMARY KEY (trial_id, name, scope, source),
  CHECK (value IS NOT NULL OR reason IS NOT NULL)
) STRICT, WITHOUT ROWID;

CREATE TABLE answer (
  trial_id INTEGER NOT NULL REFERENCES trial(id) ON DELETE CASCADE,
  item     TEXT NOT NULL,             -- arc_easy/12, chat/3.1
  given    TEXT NOT NULL,
  expected TEXT,
  correct  INTEGER CHECK (correct IN (0, 1)), -- NULL: nothing to compare with
  log_likelihood REAL,
  PRIMARY KEY (trial_id, item)
) STRICT, WITHOUT ROWID;

CREATE TABLE calibration (            -- one `meltbench calibrate`: limits of a machine, measured
  id          INTEGER PRIMARY KEY,
  device_id   INTEGER NOT NULL REFERENCES device(id),
  build_id    INTEGER NOT NULL REFERENCES build(id),
  started_utc TEXT NOT NULL,
  conditions  TEXT CHECK (conditions IS NULL OR json_valid(conditions)), -- as of a run
  cache_bytes INTEGER                 -- last-level cache; NULL: not known
) STRICT;

CREATE TABLE calibration_sample (     -- one timed repetition
  calibration_id INTEGER NOT NULL REFERENCES calibration(id) ON DELETE CASCADE,
  kind       TEXT NOT NULL CHECK (kind IN ('read', 'read_matrices', 'f32', 'int8')),
  isa        TEXT NOT NULL,           -- instruction set of the loop: avx512vnni, avx2, neon, ...
  threads    INTEGER NOT NULL,
  n_bytes    INTEGER NOT NULL,        -- read in one pass; 0 for the peaks, which stay in registers
  repetition INTEGER NOT NULL,
  value      REAL NOT NULL,           -- read kinds: bytes/s; f32: flop/s; int8: op/s (2 per multiply-add)
  PRIMARY KEY (calibration_id, kind, isa, threads, n_bytes, repetition)
) STRICT, WITHOUT ROWID;

CREATE TABLE calibration_check (      -- `calibrate machine`: are the collectors right, and what do they cost
  calibration_id INTEGER NOT NULL REFERENCES calibration(id) ON DELETE CASCADE,
  i_row    INTEGER NOT NULL,          -- order of the output
  section  TEXT NOT NULL,             -- ids of harness/validation.def
  subject  TEXT NOT NULL,             -- collector, clock, null runner
  what     TEXT NOT NULL,
  unit     TEXT NOT NULL,
  value    REAL,                      -- NULL: absent, then note is the reason
  expected REAL,                      -- NULL: a figure, nothing to compare with
  bound    REAL,                      -- most |value - expected|
  verdict  TEXT NOT NULL CHECK (verdict IN ('figure', 'ok', 'broken', 'absent')),
  note     TEXT NOT NULL,
  PRIMARY KEY (calibration_id, i_row)
) STRICT, WITHOUT ROWID;

CREATE TABLE profile (                -- one `meltbench profile`
  id          INTEGER PRIMARY KEY,
  device_id   INTEGER NOT NULL REFERENCES device(id),
  build_id    INTEGER NOT NULL REFERENCES build(id),
  calibration_id INTEGER REFERENCES calibration(id), -- the limits that its distances are from
  model       TEXT NOT NULL,          -- file name
  config      TEXT NOT NULL CHECK (json_valid(config)), -- axes, n_prompt, n_gen, depth
  started_utc TEXT NOT NULL
) STRICT;

CREATE TABLE profile_phase (          -- wall time of a phase, and how much of it operators explain
  profile_id INTEGER NOT NULL REFERENCES profile(id) ON DELETE CASCADE,
  phase      TEXT NOT NULL CHECK (phase IN ('prefill', 'decode')),
  n_tokens   INTEGER NOT NULL,
  wall_ns    INTEGER NOT NULL,
  traced_ns  INTEGER NOT NULL,        -- sum of the operators
  PRIMARY KEY (profile_id, phase)
) STRICT, WITHOUT ROWID;

CREATE TABLE profile_op (             -- all calls of an operator with one shape
  profile_id INTEGER NOT NULL REFERENCES profile(id) ON DELETE CASCADE,
  phase      TEXT NOT NULL,
  i_row      INTEGER NOT NULL,        -- most time first
  op         TEXT NOT NULL,           -- matmul, attention, rms_norm, ...
  tensor     TEXT NOT NULL,
  w_type     TEXT NOT NULL,
  a_type     TEXT NOT NULL,
  m          INTEGER NOT NULL,        -- tokens
  n          INTEGER NOT NULL,        -- rows of the matrix; attention: 0, it differs from call to call
  k          INTEGER NOT NULL,
  calls      INTEGER NOT NULL,
  total_ns   INTEGER NOT NULL,
  flop       REAL NOT NULL,
  n_bytes    REAL NOT NULL,           -- read and written, each operand once
  bound_ns   REAL,                    -- least time by the limits of the calibration; NULL without one
  PRIMARY KEY (profile_id, phase, i_row)
) STRICT, WITHOUT ROWID;

CREATE TABLE import_file (            -- a file of llama-bench's results that rows were taken from
  id           INTEGER PRIMARY KEY,
  sha256       TEXT NOT NULL UNIQUE,
  name         TEXT NOT NULL,         -- as it was given
  format       TEXT NOT NULL CHECK (format IN ('json', 'jsonl', 'csv', 'sql', 'sqlite')),
  imported_utc TEXT NOT NULL
) STRICT;

CREATE TABLE import_row (             -- one result of somebody else's run; read it through the view llama_bench
  id             INTEGER PRIMARY KEY,
  import_file_id INTEGER NOT NULL REFERENCES import_file(id) ON DELETE CASCADE,
  line           INTEGER NOT NULL,    -- where it begins, from 1; of an SQLite file: its rowid
  identity       TEXT NOT NULL UNIQUE, -- sha256 of what llama-bench prints in every format: a result is kept once, whatever file it comes in
  record         TEXT NOT NULL CHECK (json_valid(record)), -- columns as the file has them, types made equal; one that is not there is not known
  flaw           TEXT                 -- why stddev_ns of the record is not believed
) STRICT;
