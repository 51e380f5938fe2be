DROP INDEX audit_by_result;

DROP INDEX audit_by_event;

DROP INDEX audit_by_target;

DROP INDEX audit_by_actor;

DROP INDEX audit_by_time;

DROP TABLE audit_points;

DROP TABLE audit_seals;
