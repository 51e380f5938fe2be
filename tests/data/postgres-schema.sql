-- The tables of migrations/agentbox_migrations/sqlite, as Postgres will have them. Until that
-- backend is here, every statement of the SQL kit is prepared on these.

CREATE TABLE users (
    id text PRIMARY KEY,
    organization_id text NOT NULL DEFAULT 'default',
    username text NOT NULL,
    username_key text NOT NULL UNIQUE,
    email text UNIQUE,
    email_verified boolean NOT NULL,
    role text NOT NULL CHECK (role IN ('viewer', 'user', 'admin', 'super_admin')),
    status text NOT NULL CHECK (status IN ('active', 'inactive', 'suspended')),
    password_change_required boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    last_login timestamptz
);

CREATE TABLE passwords (
    user_id text PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    password_hash text NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE sessions (
    id text PRIMARY KEY,
    user_id text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    authenticator_id text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    auth_time timestamptz NOT NULL,
    amr json NOT NULL,
    ended_at timestamptz,
    ip text,
    user_agent text,
    generation bigint NOT NULL DEFAULT 0,
    nonce bytea,
    rotated_at timestamptz,
    idle_until timestamptz,
    last_used timestamptz
);

CREATE TABLE login_flows (
    id text PRIMARY KEY,
    authenticator_id text NOT NULL,
    sealed_state bytea NOT NULL,
    expires_at timestamptz NOT NULL
);

CREATE TABLE api_keys (
    id text PRIMARY KEY,
    organization_id text NOT NULL DEFAULT 'default',
    user_id text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name text,
    description text,
    key_prefix text NOT NULL,
    digest bytea NOT NULL UNIQUE,
    scopes json NOT NULL,
    all_environments text CHECK (all_environments IN ('viewer', 'editor', 'owner')),
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    last_used timestamptz,
    revoked_at timestamptz,
    permissions json NOT NULL DEFAULT '[]',
    allowed_cidrs json NOT NULL DEFAULT '[]',
    rate_limit text,
    rotated_from text UNIQUE
);

CREATE TABLE signing_keys (
    id text PRIMARY KEY,
    algorithm text NOT NULL,
    public_jwk json NOT NULL,
    sealed_private_key bytea NOT NULL,
    created_at timestamptz NOT NULL,
    retired_at timestamptz,
    signs_from timestamptz
);

CREATE TABLE audit (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL UNIQUE,
    organization_id text NOT NULL DEFAULT 'default',
    occurred_at timestamptz NOT NULL,
    event text NOT NULL,
    actor text NOT NULL,
    target text,
    result text NOT NULL,
    address text,
    request_id text,
    details json NOT NULL
);

CREATE TABLE jobs (
    name text PRIMARY KEY,
    next_due timestamptz NOT NULL,
    lease_until timestamptz,
    fence bigint NOT NULL
);

CREATE TABLE markers (
    name text PRIMARY KEY,
    value text NOT NULL
);

CREATE TABLE environments (
    id text PRIMARY KEY,
    organization_id text NOT NULL DEFAULT 'default',
    user_id text NOT NULL REFERENCES users (id),
    name text NOT NULL,
    name_key text NOT NULL,
    status text NOT NULL CHECK (status IN ('pending', 'running', 'terminated', 'failed')),
    image text NOT NULL,
    resources json NOT NULL,
    labels json NOT NULL,
    orchestration json NOT NULL,
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    terminated_at timestamptz
);

CREATE TABLE environment_labels (
    environment_id text NOT NULL REFERENCES environments (id) ON DELETE CASCADE,
    label text NOT NULL,
    value text NOT NULL,
    created_at timestamptz NOT NULL,
    name_key text NOT NULL,
    status text NOT NULL,
    user_id text NOT NULL,
    PRIMARY KEY (environment_id, label)
);

CREATE TABLE grants (
    id text NOT NULL UNIQUE,
    user_id text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    environment_id text NOT NULL REFERENCES environments (id) ON DELETE CASCADE,
    permission text NOT NULL CHECK (permission IN ('viewer', 'editor', 'owner')),
    granted_by text,
    granted_at timestamptz NOT NULL,
    environment_created_at timestamptz NOT NULL,
    environment_name_key text NOT NULL,
    environment_status text NOT NULL,
    environment_user_id text NOT NULL,
    PRIMARY KEY (user_id, environment_id)
);

CREATE TABLE api_key_usage (
    api_key_id text NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
    hour timestamptz NOT NULL,
    uses bigint NOT NULL,
    PRIMARY KEY (api_key_id, hour)
);

CREATE TABLE password_resets (
    user_id text PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    digest bytea NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);

CREATE TABLE audit_seals (
    seq bigint PRIMARY KEY,
    mac bytea NOT NULL
);

CREATE TABLE audit_points (
    name text PRIMARY KEY,
    seq bigint NOT NULL,
    mac bytea NOT NULL,
    tag bytea NOT NULL
);

CREATE TABLE throttles (
    tier text NOT NULL CHECK (tier IN ('pair', 'account', 'address', 'total')),
    account text NOT NULL,
    address text NOT NULL,
    failures integer NOT NULL,
    running integer NOT NULL,
    running_until timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    blocks integer NOT NULL,
    PRIMARY KEY (tier, account, address)
);

CREATE TABLE known_addresses (
    account text NOT NULL,
    address text NOT NULL,
    last_success timestamptz NOT NULL,
    PRIMARY KEY (account, address)
);
