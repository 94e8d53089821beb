-- 0004.sql - format 3 to 4: results of llama-bench that were imported. See schema.sql.
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
