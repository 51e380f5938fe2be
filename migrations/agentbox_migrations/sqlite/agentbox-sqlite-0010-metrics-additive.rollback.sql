DROP TABLE metric_levels;
DROP TABLE metric_days;
DROP TABLE metric_hours;
DROP TABLE metric_minutes;
DROP TABLE metric_raw;
DROP TABLE metric_series;
DROP TABLE environment_reports;
