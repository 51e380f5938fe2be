DROP TABLE known_addresses;

DROP TABLE throttles;

DROP TABLE audit_points;

DROP TABLE audit_seals;

DROP TABLE password_resets;

DROP TABLE api_key_usage;

DROP TABLE grants;

DROP TABLE environment_labels;

DROP TABLE environments;

DROP TABLE markers;

DROP TABLE jobs;

DROP TABLE audit;

DROP SEQUENCE audit_numbers;

DROP TABLE signing_keys;

DROP TABLE api_keys;

DROP TABLE login_flows;

DROP TABLE sessions;

DROP TABLE passwords;

DROP TABLE users;
