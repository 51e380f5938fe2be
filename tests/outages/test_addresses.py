"""Addresses of a database that can't be read are told of without what stands in them."""

from __future__ import annotations

import pytest

from agentbox.errors import StorageError
from agentbox.plugin.options import Secret
from agentbox_postgres.descriptor import PostgresOptions
from agentbox_postgres.schema import PostgresTarget

PASSWORD = "S3cr%tPass"


# OB-01: a password that is not percent-encoded is quoted by whoever can't read it
@pytest.mark.parametrize("password", [PASSWORD, "S3cr@tPass"])
def test_an_address_that_is_not_encoded_is_refused_and_not_shown(password: str) -> None:
    dsn = Secret(f"postgresql://agentbox:{password}@127.0.0.1/agentbox")

    (fault,) = PostgresOptions(dsn=dsn).check()

    assert fault.startswith("dsn holds a @ or %")
    assert password not in fault


def test_what_the_driver_says_of_an_address_is_not_passed_on() -> None:  # OB-01
    with pytest.raises(StorageError, match="the DSN can't be read") as refused:
        PostgresTarget(f"postgresql://agentbox:{PASSWORD}@127.0.0.1/agentbox").applied()

    assert PASSWORD not in str(refused.value)
