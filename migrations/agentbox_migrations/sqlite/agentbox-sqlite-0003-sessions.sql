-- What refresh tokens are judged by. A session that was there before has no nonce, and so no token.

ALTER TABLE sessions ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;

ALTER TABLE sessions ADD COLUMN nonce BLOB;

ALTER TABLE sessions ADD COLUMN rotated_at INTEGER;

ALTER TABLE sessions ADD COLUMN idle_until INTEGER;

ALTER TABLE sessions ADD COLUMN last_used INTEGER;
