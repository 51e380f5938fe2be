-- Until when a level is about to be made: samples that come late meanwhile take that back.

ALTER TABLE metric_levels ADD COLUMN making INTEGER;
