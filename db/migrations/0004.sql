-- 0004.sql - format 3 to 4: results of llama-bench that were imported, checks of collectors. See schema.sql.
CREATE TABLE import_file (
  id           INTEGER PRIMARY KEY,
  sha256       TEXT NOT NULL UNIQUE,
  name         TEXT NOT NULL,
  format       TEXT NOT NULL CHECK (format IN ('json', 'jsonl', 'csv', 'sql', 'sqlite')),
  imported_utc TEXT NOT NULL
) STRICT;

CREATE TABLE import_row (
  id             INTEGER PRIMARY KEY,
  import_file_id INTEGER NOT NULL REFERENCES import_file(id) ON DELETE CASCADE,
  line           INTEGER NOT NULL,
  identity       TEXT NOT NULL UNIQUE,
  record         TEXT NOT NULL CHECK (json_valid(record)),
  flaw           TEXT
) STRICT;

CREATE TABLE calibration_check (
  calibration_id INTEGER NOT NULL REFERENCES calibration(id) ON DELETE CASCADE,
  i_row    INTEGER NOT NULL,
  section  TEXT NOT NULL,
  subject  TEXT NOT NULL,
  what     TEXT NOT NULL,
  unit     TEXT NOT NULL,
  value    REAL,
  expected REAL,
  bound    REAL,
  verdict  TEXT NOT NULL CHECK (verdict IN ('figure', 'ok', 'broken', 'absent')),
  note     TEXT NOT NULL,
  PRIMARY KEY (calibration_id, i_row)
) STRICT, WITHOUT ROWID;
