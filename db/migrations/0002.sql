-- 0002.sql - format 1 to 2: where threads may run is an axis; limits of the machine; profiles by operator. See schema.sql.
ALTER TABLE cell ADD COLUMN cpu_mask TEXT GENERATED ALWAYS AS (coalesce(config ->> '$.axes.cpu_mask', 'all')) VIRTUAL;

CREATE TABLE calibration (
  id          INTEGER PRIMARY KEY,
  device_id   INTEGER NOT NULL REFERENCES device(id),
  build_id    INTEGER NOT NULL REFERENCES build(id),
  started_utc TEXT NOT NULL,
  conditions  TEXT CHECK (conditions IS NULL OR json_valid(conditions)),
  cache_bytes INTEGER
) STRICT;

CREATE TABLE calibration_sample (
  calibration_id INTEGER NOT NULL REFERENCES calibration(id) ON DELETE CASCADE,
  kind       TEXT NOT NULL CHECK (kind IN ('read', 'read_matrices', 'f32', 'int8')),
  isa        TEXT NOT NULL,
  threads    INTEGER NOT NULL,
  n_bytes    INTEGER NOT NULL,
  repetition INTEGER NOT NULL,
  value      REAL NOT NULL,
  PRIMARY KEY (calibration_id, kind, isa, threads, n_bytes, repetition)
) STRICT, WITHOUT ROWID;

CREATE TABLE profile (
  id          INTEGER PRIMARY KEY,
  device_id   INTEGER NOT NULL REFERENCES device(id),
  build_id    INTEGER NOT NULL REFERENCES build(id),
  calibration_id INTEGER REFERENCES calibration(id),
  model       TEXT NOT NULL,
  config      TEXT NOT NULL CHECK (json_valid(config)),
  started_utc TEXT NOT NULL
) STRICT;

CREATE TABLE profile_phase (
  profile_id INTEGER NOT NULL REFERENCES profile(id) ON DELETE CASCADE,
  phase      TEXT NOT NULL CHECK (phase IN ('prefill', 'decode')),
  n_tokens   INTEGER NOT NULL,
  wall_ns    INTEGER NOT NULL,
  traced_ns  INTEGER NOT NULL,
  PRIMARY KEY (profile_id, phase)
) STRICT, WITHOUT ROWID;

CREATE TABLE profile_op (
  profile_id INTEGER NOT NULL REFERENCES profile(id) ON DELETE CASCADE,
  phase      TEXT NOT NULL,
  i_row      INTEGER NOT NULL,
  op         TEXT NOT NULL,
  tensor     TEXT NOT NULL,
  w_type     TEXT NOT NULL,
  a_type     TEXT NOT NULL,
  m          INTEGER NOT NULL,
  n          INTEGER NOT NULL,
  k          INTEGER NOT NULL,
  calls      INTEGER NOT NULL,
  total_ns   INTEGER NOT NULL,
  flop       REAL NOT NULL,
  n_bytes    REAL NOT NULL,
  bound_ns   REAL,
  PRIMARY KEY (profile_id, phase, i_row)
) STRICT, WITHOUT ROWID;
