ALTER TABLE metric_levels DROP COLUMN making;
