-- Guesses at passwords: how many, and from where an account has signed in.

CREATE TABLE throttles (
    tier TEXT NOT NULL CHECK (tier IN ('pair', 'account', 'address', 'total')),
    account TEXT NOT NULL,
    address TEXT NOT NULL,
    failures INTEGER NOT NULL,
    running INTEGER NOT NULL,
    running_until INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    blocks INTEGER NOT NULL,
    PRIMARY KEY (tier, account, address)
) STRICT, WITHOUT ROWID;

CREATE INDEX throttles_by_end ON throttles (ends_at);

-- No reference to users: an account may be a name that only another directory has.
CREATE TABLE known_addresses (
    account TEXT NOT NULL,
    address TEXT NOT NULL,
    last_success INTEGER NOT NULL,
    PRIMARY KEY (account, address)
) STRICT, WITHOUT ROWID;

CREATE INDEX known_addresses_by_time ON known_addresses (last_success);
