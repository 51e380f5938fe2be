ALTER TABLE jobs DROP COLUMN last_process;

ALTER TABLE jobs DROP COLUMN last_outcome;

ALTER TABLE jobs DROP COLUMN last_finished;

ALTER TABLE jobs DROP COLUMN last_started;

ALTER TABLE jobs DROP COLUMN asked_at;
