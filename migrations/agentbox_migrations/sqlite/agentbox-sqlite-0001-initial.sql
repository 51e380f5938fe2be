-- Times are microseconds since 1970 in UTC, booleans 0 or 1, JSON is text.

CREATE TABLE users (
    id TEXT NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL DEFAULT 'default',
    username TEXT NOT NULL,
    username_key TEXT NOT NULL UNIQUE,
    email TEXT UNIQUE,
    email_verified INTEGER NOT NULL CHECK (email_verified IN (0, 1)),
    role TEXT NOT NULL CHECK (role IN ('viewer', 'user', 'admin', 'super_admin')),
    status TEXT NOT NULL CHECK (status IN ('active', 'inactive', 'suspended')),
    password_change_required INTEGER NOT NULL CHECK (password_change_required IN (0, 1)),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    last_login INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX users_newest ON users (created_at, id);

CREATE INDEX users_of_role ON users (role, created_at, id);

CREATE INDEX users_of_status ON users (status, created_at, id);

CREATE TABLE passwords (
    user_id TEXT NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    password_hash TEXT NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    authenticator_id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    auth_time INTEGER NOT NULL,
    amr TEXT NOT NULL CHECK (json_valid(amr)),
    ended_at INTEGER,
    ip TEXT,
    user_agent TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_of_user ON sessions (user_id, created_at, id);

CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE login_flows (
    id TEXT NOT NULL PRIMARY KEY,
    authenticator_id TEXT NOT NULL,
    sealed_state BLOB NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX login_flows_by_expiry ON login_flows (expires_at);

CREATE TABLE api_keys (
    id TEXT NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL DEFAULT 'default',
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT,
    description TEXT,
    key_prefix TEXT NOT NULL,
    digest BLOB NOT NULL UNIQUE,
    scopes TEXT NOT NULL CHECK (json_valid(scopes)),
    all_environments TEXT CHECK (all_environments IN ('viewer', 'editor', 'owner')),
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    last_used INTEGER,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX api_keys_newest ON api_keys (created_at, id);

CREATE INDEX api_keys_of_user ON api_keys (user_id, created_at, id);

CREATE TABLE signing_keys (
    id TEXT NOT NULL PRIMARY KEY,
    algorithm TEXT NOT NULL,
    public_jwk TEXT NOT NULL CHECK (json_valid(public_jwk)),
    sealed_private_key BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    retired_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    organization_id TEXT NOT NULL DEFAULT 'default',
    occurred_at INTEGER NOT NULL,
    event TEXT NOT NULL,
    actor TEXT NOT NULL,
    target TEXT,
    result TEXT NOT NULL,
    address TEXT,
    request_id TEXT,
    details TEXT NOT NULL CHECK (json_valid(details))
) STRICT;

CREATE TABLE jobs (
    name TEXT NOT NULL PRIMARY KEY,
    next_due INTEGER NOT NULL,
    lease_until INTEGER,
    fence INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE markers (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
