-- A new key is published before it signs, so that others who verify tokens know it by then.

ALTER TABLE signing_keys ADD COLUMN signs_from INTEGER;
