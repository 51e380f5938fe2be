DROP TABLE known_addresses;

DROP TABLE throttles;
