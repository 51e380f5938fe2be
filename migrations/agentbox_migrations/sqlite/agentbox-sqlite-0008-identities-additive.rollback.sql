DROP INDEX login_flows_of_authenticator;
DROP TABLE identities;
