-- Sign-ins at other sites, linked to users. The key is (issuer, subject), never the e-mail.

CREATE TABLE identities (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    provider TEXT NOT NULL,
    email TEXT,
    linked_by TEXT NOT NULL,
    linked_at INTEGER NOT NULL,
    last_used INTEGER,
    UNIQUE (issuer, subject)
) STRICT, WITHOUT ROWID;

CREATE INDEX identities_of_user ON identities (user_id, linked_at, id);

-- Anybody may begin a sign-in, so the oldest of them give way to new ones.
CREATE INDEX login_flows_of_authenticator ON login_flows (authenticator_id, expires_at, id);

-- By what users were linked whom a sign-in was taken away from: no address links them again.

CREATE TABLE unlinked_identities (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    linked_by TEXT NOT NULL,
    unlinked_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, linked_by)
) STRICT, WITHOUT ROWID;
