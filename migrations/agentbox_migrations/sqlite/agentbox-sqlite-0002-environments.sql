-- Environments and who may do what with them; what an API key may do at most; reset secrets.

CREATE TABLE environments (
    id TEXT NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL DEFAULT 'default',
    user_id TEXT NOT NULL REFERENCES users (id),
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'running', 'terminated', 'failed')),
    image TEXT NOT NULL,
    resources TEXT NOT NULL CHECK (json_valid(resources)),
    labels TEXT NOT NULL CHECK (json_valid(labels)),
    orchestration TEXT NOT NULL CHECK (json_valid(orchestration)),
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    terminated_at INTEGER
) STRICT;

-- Narrow, and walked by lists without a filter and by counts.
CREATE INDEX environments_newest ON environments (created_at, id);

-- Holds all that lists filter by, so that a search reads nothing else until it has found something.
CREATE INDEX environments_searched ON environments (created_at, id, name_key, status, user_id);

CREATE INDEX environments_of_user ON environments (user_id, created_at, id);

CREATE INDEX environments_of_status ON environments (status, created_at, id);

-- The labels again, to be found by, with what else lists filter by.
CREATE TABLE environment_labels (
    environment_id TEXT NOT NULL REFERENCES environments (id) ON DELETE CASCADE,
    label TEXT NOT NULL,
    value TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    name_key TEXT NOT NULL,
    status TEXT NOT NULL,
    user_id TEXT NOT NULL,
    PRIMARY KEY (environment_id, label)
) STRICT, WITHOUT ROWID;

CREATE INDEX environment_labels_by_value
    ON environment_labels (label, value, created_at, environment_id, name_key, status, user_id);

CREATE TABLE grants (
    id TEXT NOT NULL UNIQUE,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    environment_id TEXT NOT NULL REFERENCES environments (id) ON DELETE CASCADE,
    permission TEXT NOT NULL CHECK (permission IN ('viewer', 'editor', 'owner')),
    granted_by TEXT,
    granted_at INTEGER NOT NULL,
    environment_created_at INTEGER NOT NULL,
    environment_name_key TEXT NOT NULL,
    environment_status TEXT NOT NULL,
    environment_user_id TEXT NOT NULL,
    PRIMARY KEY (user_id, environment_id)
) STRICT, WITHOUT ROWID;

-- The environments of a user in the order of the list of environments, with what it filters by.
CREATE INDEX grants_seen ON grants (
    user_id,
    environment_created_at,
    environment_id,
    environment_name_key,
    environment_status,
    environment_user_id
);

CREATE INDEX grants_of_user ON grants (user_id, granted_at, id);

CREATE INDEX grants_of_environment ON grants (environment_id, granted_at, id);

ALTER TABLE api_keys ADD COLUMN permissions TEXT NOT NULL DEFAULT '[]';

ALTER TABLE api_keys ADD COLUMN allowed_cidrs TEXT NOT NULL DEFAULT '[]';

ALTER TABLE api_keys ADD COLUMN rate_limit TEXT;

ALTER TABLE api_keys ADD COLUMN rotated_from TEXT;

CREATE UNIQUE INDEX api_keys_by_rotated_from ON api_keys (rotated_from);

CREATE TABLE api_key_usage (
    api_key_id TEXT NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
    hour INTEGER NOT NULL,
    uses INTEGER NOT NULL,
    PRIMARY KEY (api_key_id, hour)
) STRICT, WITHOUT ROWID;

CREATE INDEX api_key_usage_by_hour ON api_key_usage (hour);

CREATE TABLE password_resets (
    user_id TEXT NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    digest BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX password_resets_by_expiry ON password_resets (expires_at);

-- As with environments: all that lists of users filter by.
CREATE INDEX users_searched ON users (created_at, id, username_key, email, role, status);
