-- What became of a job's last run, and whether somebody has asked for one.

ALTER TABLE jobs ADD COLUMN asked_at INTEGER;

ALTER TABLE jobs ADD COLUMN last_started INTEGER;

ALTER TABLE jobs ADD COLUMN last_finished INTEGER;

ALTER TABLE jobs ADD COLUMN last_outcome TEXT;

ALTER TABLE jobs ADD COLUMN last_process TEXT;
