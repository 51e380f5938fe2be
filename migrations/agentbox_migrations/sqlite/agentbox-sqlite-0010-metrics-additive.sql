-- What environments reported last, and what was measured: series of samples, level by level.

CREATE TABLE environment_reports (
    environment_id TEXT NOT NULL PRIMARY KEY REFERENCES environments (id) ON DELETE CASCADE,
    reported_at INTEGER NOT NULL,
    cpu_millicores REAL,
    memory_bytes INTEGER,
    sandboxes INTEGER
) STRICT, WITHOUT ROWID;

-- No reference to environments: points are deleted a few at a time, and not with the environment.
-- A series of everything together has the empty text.
CREATE TABLE metric_series (
    id INTEGER NOT NULL PRIMARY KEY,
    environment_id TEXT NOT NULL,
    type TEXT NOT NULL,
    UNIQUE (environment_id, type)
) STRICT;

-- In each of these `at` is in seconds since 1970, so that any step is an integer division, and
-- minimum, maximum and total are NULL where all samples were alike: then `last` says it all.
CREATE TABLE metric_raw (
    series_id INTEGER NOT NULL,
    at INTEGER NOT NULL,
    samples INTEGER NOT NULL,
    minimum REAL,
    maximum REAL,
    total REAL,
    last REAL NOT NULL,
    PRIMARY KEY (series_id, at)
) STRICT, WITHOUT ROWID;

CREATE TABLE metric_minutes (
    series_id INTEGER NOT NULL,
    at INTEGER NOT NULL,
    samples INTEGER NOT NULL,
    minimum REAL,
    maximum REAL,
    total REAL,
    last REAL NOT NULL,
    PRIMARY KEY (series_id, at)
) STRICT, WITHOUT ROWID;

CREATE TABLE metric_hours (
    series_id INTEGER NOT NULL,
    at INTEGER NOT NULL,
    samples INTEGER NOT NULL,
    minimum REAL,
    maximum REAL,
    total REAL,
    last REAL NOT NULL,
    PRIMARY KEY (series_id, at)
) STRICT, WITHOUT ROWID;

CREATE TABLE metric_days (
    series_id INTEGER NOT NULL,
    at INTEGER NOT NULL,
    samples INTEGER NOT NULL,
    minimum REAL,
    maximum REAL,
    total REAL,
    last REAL NOT NULL,
    PRIMARY KEY (series_id, at)
) STRICT, WITHOUT ROWID;

-- Until when each level is made.
CREATE TABLE metric_levels (
    level TEXT NOT NULL PRIMARY KEY,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
