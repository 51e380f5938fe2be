-- Everything that SQLite's migrations have built up to 0006, at once. Texts compare byte by byte, as
-- in SQLite, whatever the database's collation: pages of lists and cursors must not depend on it.

CREATE TABLE users (
    id text COLLATE "C" PRIMARY KEY,
    organization_id text COLLATE "C" NOT NULL DEFAULT 'default',
    username text COLLATE "C" NOT NULL,
    username_key text COLLATE "C" NOT NULL UNIQUE,
    email text COLLATE "C" UNIQUE,
    email_verified boolean NOT NULL,
    role text COLLATE "C" NOT NULL CHECK (role IN ('viewer', 'user', 'admin', 'super_admin')),
    status text COLLATE "C" NOT NULL CHECK (status IN ('active', 'inactive', 'suspended')),
    password_change_required boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    last_login timestamptz
);

CREATE INDEX users_newest ON users (created_at, id);

CREATE INDEX users_of_role ON users (role, created_at, id);

CREATE INDEX users_of_status ON users (status, created_at, id);

-- As with environments: all that lists of users filter by.
CREATE INDEX users_searched ON users (created_at, id, username_key, email, role, status);

CREATE TABLE passwords (
    user_id text COLLATE "C" PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    password_hash text COLLATE "C" NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE sessions (
    id text COLLATE "C" PRIMARY KEY,
    user_id text COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    authenticator_id text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    auth_time timestamptz NOT NULL,
    amr json NOT NULL,
    ended_at timestamptz,
    ip text COLLATE "C",
    user_agent text COLLATE "C",
    generation bigint NOT NULL DEFAULT 0,
    nonce bytea,
    rotated_at timestamptz,
    idle_until timestamptz,
    last_used timestamptz
);

CREATE INDEX sessions_of_user ON sessions (user_id, created_at, id);

CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE login_flows (
    id text COLLATE "C" PRIMARY KEY,
    authenticator_id text COLLATE "C" NOT NULL,
    sealed_state bytea NOT NULL,
    expires_at timestamptz NOT NULL
);

CREATE INDEX login_flows_by_expiry ON login_flows (expires_at);

CREATE TABLE api_keys (
    id text COLLATE "C" PRIMARY KEY,
    organization_id text COLLATE "C" NOT NULL DEFAULT 'default',
    user_id text COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name text COLLATE "C",
    description text COLLATE "C",
    key_prefix text COLLATE "C" NOT NULL,
    digest bytea NOT NULL UNIQUE,
    scopes json NOT NULL,
    all_environments text COLLATE "C" CHECK (all_environments IN ('viewer', 'editor', 'owner')),
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    last_used timestamptz,
    revoked_at timestamptz,
    permissions json NOT NULL DEFAULT '[]',
    allowed_cidrs json NOT NULL DEFAULT '[]',
    rate_limit text COLLATE "C",
    rotated_from text COLLATE "C" UNIQUE
);

CREATE INDEX api_keys_newest ON api_keys (created_at, id);

CREATE INDEX api_keys_of_user ON api_keys (user_id, created_at, id);

CREATE TABLE signing_keys (
    id text COLLATE "C" PRIMARY KEY,
    algorithm text COLLATE "C" NOT NULL,
    public_jwk json NOT NULL,
    sealed_private_key bytea NOT NULL,
    created_at timestamptz NOT NULL,
    retired_at timestamptz,
    signs_from timestamptz
);

CREATE SEQUENCE audit_numbers;

CREATE TABLE audit (
    seq bigint NOT NULL PRIMARY KEY DEFAULT nextval('audit_numbers'),
    id text COLLATE "C" NOT NULL UNIQUE,
    organization_id text COLLATE "C" NOT NULL DEFAULT 'default',
    occurred_at timestamptz NOT NULL,
    event text COLLATE "C" NOT NULL,
    actor text COLLATE "C" NOT NULL,
    target text COLLATE "C",
    result text COLLATE "C" NOT NULL,
    address text COLLATE "C",
    request_id text COLLATE "C",
    details json NOT NULL
);

CREATE INDEX audit_by_time ON audit (occurred_at, seq);

CREATE INDEX audit_by_actor ON audit (actor, occurred_at, seq);

CREATE INDEX audit_by_target ON audit (target, occurred_at, seq);

CREATE INDEX audit_by_event ON audit (event, occurred_at, seq);

CREATE INDEX audit_by_result ON audit (result, occurred_at, seq);

CREATE TABLE jobs (
    name text COLLATE "C" PRIMARY KEY,
    next_due timestamptz NOT NULL,
    lease_until timestamptz,
    fence bigint NOT NULL
);

CREATE TABLE markers (
    name text COLLATE "C" PRIMARY KEY,
    value text COLLATE "C" NOT NULL
);

CREATE TABLE environments (
    id text COLLATE "C" PRIMARY KEY,
    organization_id text COLLATE "C" NOT NULL DEFAULT 'default',
    user_id text COLLATE "C" NOT NULL REFERENCES users (id),
    name text COLLATE "C" NOT NULL,
    name_key text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL CHECK (status IN ('pending', 'running', 'terminated', 'failed')),
    image text COLLATE "C" NOT NULL,
    resources json NOT NULL,
    labels json NOT NULL,
    orchestration json NOT NULL,
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    terminated_at timestamptz
);

-- Narrow, and walked by lists without a filter and by counts.
CREATE INDEX environments_newest ON environments (created_at, id);

-- Holds all that lists filter by, so that a search reads nothing else until it has found something.
CREATE INDEX environments_searched ON environments (created_at, id, name_key, status, user_id);

CREATE INDEX environments_of_user ON environments (user_id, created_at, id);

CREATE INDEX environments_of_status ON environments (status, created_at, id);

CREATE TABLE environment_labels (
    environment_id text COLLATE "C" NOT NULL REFERENCES environments (id) ON DELETE CASCADE,
    label text COLLATE "C" NOT NULL,
    value text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    name_key text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (environment_id, label)
);

CREATE INDEX environment_labels_by_value
    ON environment_labels (label, value, created_at, environment_id, name_key, status, user_id);

CREATE TABLE grants (
    id text COLLATE "C" NOT NULL UNIQUE,
    user_id text COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    environment_id text COLLATE "C" NOT NULL REFERENCES environments (id) ON DELETE CASCADE,
    permission text COLLATE "C" NOT NULL CHECK (permission IN ('viewer', 'editor', 'owner')),
    granted_by text COLLATE "C",
    granted_at timestamptz NOT NULL,
    environment_created_at timestamptz NOT NULL,
    environment_name_key text COLLATE "C" NOT NULL,
    environment_status text COLLATE "C" NOT NULL,
    environment_user_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (user_id, environment_id)
);

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

CREATE TABLE api_key_usage (
    api_key_id text COLLATE "C" NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
    hour timestamptz NOT NULL,
    uses bigint NOT NULL,
    PRIMARY KEY (api_key_id, hour)
);

CREATE INDEX api_key_usage_by_hour ON api_key_usage (hour);

CREATE TABLE password_resets (
    user_id text COLLATE "C" PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    digest bytea NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);

CREATE INDEX password_resets_by_expiry ON password_resets (expires_at);

CREATE TABLE audit_seals (
    seq bigint PRIMARY KEY,
    mac bytea NOT NULL
);

CREATE TABLE audit_points (
    name text COLLATE "C" PRIMARY KEY,
    seq bigint NOT NULL,
    mac bytea NOT NULL,
    tag bytea NOT NULL
);

CREATE TABLE throttles (
    tier text COLLATE "C" NOT NULL CHECK (tier IN ('pair', 'account', 'address', 'total')),
    account text COLLATE "C" NOT NULL,
    address text COLLATE "C" NOT NULL,
    failures integer NOT NULL,
    running integer NOT NULL,
    running_until timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    blocks integer NOT NULL,
    PRIMARY KEY (tier, account, address)
);

CREATE INDEX throttles_by_end ON throttles (ends_at);

CREATE TABLE known_addresses (
    account text COLLATE "C" NOT NULL,
    address text COLLATE "C" NOT NULL,
    last_success timestamptz NOT NULL,
    PRIMARY KEY (account, address)
);

CREATE INDEX known_addresses_by_time ON known_addresses (last_success);
