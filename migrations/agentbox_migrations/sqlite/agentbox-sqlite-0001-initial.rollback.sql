DROP TABLE markers;

DROP TABLE jobs;

DROP TABLE audit;

DROP TABLE signing_keys;

DROP TABLE api_keys;

DROP TABLE login_flows;

DROP TABLE sessions;

DROP TABLE passwords;

DROP TABLE users;
