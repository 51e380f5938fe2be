DROP TABLE api_key_rates;
