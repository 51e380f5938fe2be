-- Seals of the audit, what vouches for its two ends, and the indexes that its lists go by.

CREATE TABLE audit_seals (
    seq INTEGER NOT NULL PRIMARY KEY,
    mac BLOB NOT NULL
) STRICT;

CREATE TABLE audit_points (
    name TEXT NOT NULL PRIMARY KEY CHECK (name IN ('anchor', 'head')),
    seq INTEGER NOT NULL,
    mac BLOB NOT NULL,
    tag BLOB NOT NULL
) STRICT;

CREATE INDEX audit_by_time ON audit (occurred_at, seq);

CREATE INDEX audit_by_actor ON audit (actor, occurred_at, seq);

CREATE INDEX audit_by_target ON audit (target, occurred_at, seq);

CREATE INDEX audit_by_event ON audit (event, occurred_at, seq);

CREATE INDEX audit_by_result ON audit (result, occurred_at, seq);
