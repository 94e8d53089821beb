-- 0003.sql - format 2 to 3: the matrices of a model are rows; bits per weight are derived (v_model), not stored. See schema.sql.
CREATE TABLE model_tensor (
  model_id     INTEGER NOT NULL REFERENCES model(id) ON DELETE CASCADE,
  name         TEXT NOT NULL,
  i_tensor     INTEGER,
  n_rows       INTEGER,
  n_cols       INTEGER,
  type         TEXT NOT NULL,
  n_bytes      INTEGER,
  stored_type  TEXT,
  stored_bytes INTEGER,
  PRIMARY KEY (model_id, name)
) STRICT, WITHOUT ROWID;

INSERT INTO model_tensor (model_id, name, type)
SELECT m.id, n.value, t.value ->> '$.type' FROM model m, json_each(m.tensor_types) t, json_each(t.value, '$.names') n;

UPDATE model SET tensor_types = (SELECT json_group_array(json_remove(value, '$.names')) FROM json_each(tensor_types))
WHERE tensor_types IS NOT NULL;

ALTER TABLE model DROP COLUMN bits_per_weight;
