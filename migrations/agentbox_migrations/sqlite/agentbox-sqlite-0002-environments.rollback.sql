DROP INDEX users_searched;

DROP TABLE password_resets;

DROP TABLE api_key_usage;

DROP INDEX api_keys_by_rotated_from;

ALTER TABLE api_keys DROP COLUMN rotated_from;

ALTER TABLE api_keys DROP COLUMN rate_limit;

ALTER TABLE api_keys DROP COLUMN allowed_cidrs;

ALTER TABLE api_keys DROP COLUMN permissions;

DROP TABLE grants;

DROP TABLE environment_labels;

DROP TABLE environments;
