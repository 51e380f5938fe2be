DROP INDEX login_flows_of_authenticator;

DROP TABLE unlinked_identities;

DROP TABLE identities;
