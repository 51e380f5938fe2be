DROP TABLE unlinked_identities;
DROP TABLE identities;
