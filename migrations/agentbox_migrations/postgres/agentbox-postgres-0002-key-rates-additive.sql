-- Uses of API keys that have a rate: what all processes have counted within its period.

CREATE TABLE api_key_rates (
    api_key_id text COLLATE "C" PRIMARY KEY REFERENCES api_keys (id) ON DELETE CASCADE,
    last_mark timestamptz NOT NULL,
    marks json NOT NULL
);

CREATE INDEX api_key_rates_by_time ON api_key_rates (last_mark);
