-- Uses of API keys that have a rate: what all processes have counted within its period.

CREATE TABLE api_key_rates (
    api_key_id TEXT NOT NULL PRIMARY KEY REFERENCES api_keys (id) ON DELETE CASCADE,
    last_mark INTEGER NOT NULL,
    marks TEXT NOT NULL CHECK (json_valid(marks))
) STRICT, WITHOUT ROWID;

CREATE INDEX api_key_rates_by_time ON api_key_rates (last_mark);
