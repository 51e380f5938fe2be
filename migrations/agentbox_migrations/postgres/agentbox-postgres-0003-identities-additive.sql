-- Sign-ins at other sites, linked to users. The key is (issuer, subject), never the e-mail.

CREATE TABLE identities (
    id text COLLATE "C" PRIMARY KEY,
    user_id text COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    issuer text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    provider text COLLATE "C" NOT NULL,
    email text COLLATE "C",
    linked_by text COLLATE "C" NOT NULL,
    linked_at timestamptz NOT NULL,
    last_used timestamptz,
    UNIQUE (issuer, subject)
);

CREATE INDEX identities_of_user ON identities (user_id, linked_at, id);

-- Anybody may begin a sign-in, so the oldest of them give way to new ones.
CREATE INDEX login_flows_of_authenticator ON login_flows (authenticator_id, expires_at, id);

-- By what users were linked whom a sign-in was taken away from: no address links them again.

CREATE TABLE unlinked_identities (
    user_id text COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    linked_by text COLLATE "C" NOT NULL,
    unlinked_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, linked_by)
);
