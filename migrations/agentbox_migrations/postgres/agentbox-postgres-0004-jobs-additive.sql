-- What became of a job's last run, and whether somebody has asked for one.

ALTER TABLE jobs ADD COLUMN asked_at timestamptz;

ALTER TABLE jobs ADD COLUMN last_started timestamptz;

ALTER TABLE jobs ADD COLUMN last_finished timestamptz;

ALTER TABLE jobs ADD COLUMN last_outcome text;

ALTER TABLE jobs ADD COLUMN last_process text;
