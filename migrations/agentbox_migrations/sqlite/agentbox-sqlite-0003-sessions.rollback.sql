ALTER TABLE sessions DROP COLUMN last_used;

ALTER TABLE sessions DROP COLUMN idle_until;

ALTER TABLE sessions DROP COLUMN rotated_at;

ALTER TABLE sessions DROP COLUMN nonce;

ALTER TABLE sessions DROP COLUMN generation;
