"""Who may read which series. The matrix asks the same of every role and every grant."""

from __future__ import annotations

import pytest

from tests.e2e.environments.sandbox import register, share
from tests.e2e.metrics.stored import HOUR, ask, some_hours_ago, span, store, text, values
from tests.e2e.people import People
from tests.live import Live

NOWHERE = "0" * 20


async def test_viewer_is_enough_and_nothing_is_not(live: Live, people: People) -> None:
    at = some_hours_ago(live)
    mine = await register(people.user)
    await store(live.runtime.storage, "cpu_usage", {at: 1.0}, mine["id"])
    asked = {"type": "cpu_usage", "env_id": mine["id"], **span(at, at + HOUR)}

    stranger = await ask(people.other_user.caller, "", **asked)
    await share(people.user, mine, people.other_user, "viewer")
    shared = await ask(people.other_user.caller, "", **asked)

    assert (stranger.status, stranger.error) == (404, "not_found")
    assert values(shared.body) == {text(at): 1.0}


async def test_one_that_is_hidden_can_not_be_told_from_none(live: Live, people: People) -> None:
    mine = await register(people.user)

    for path in ("/environment/{}?type=cpu_usage", "/cpu-usage?env_id={}"):
        hidden = await ask(people.other_user.caller, path.format(mine["id"]))
        none = await ask(people.other_user.caller, path.format(NOWHERE))

        assert hidden.status == none.status == 404
        assert hidden.body | {"request_id": ""} == none.body | {"request_id": ""}


async def test_a_key_for_one_environment_reads_that_one(live: Live, people: People) -> None:
    mine, other = await register(people.super_admin), await register(people.super_admin)
    entries = [{"environment_id": mine["id"], "permission": "viewer"}]
    key = live.with_key(await people.super_admin.key(permissions=entries))

    assert (await ask(key, "/cpu-usage", env_id=mine["id"])).status == 200
    assert (await ask(key, "/cpu-usage", env_id=other["id"])).status == 404
    refused = await ask(key, "/cpu-usage")
    assert (refused.status, refused.error) == (403, "insufficient_scope")


async def test_admins_read_every_environment_unasked(live: Live, people: People) -> None:
    mine = await register(people.user)

    for person in (people.admin, people.super_admin):
        assert (await ask(person.caller, "/cpu-usage", env_id=mine["id"])).status == 200


@pytest.mark.parametrize("path", ["/global?type=cpu_usage", "?type=cpu_usage", "/cpu-usage"])
async def test_what_is_measured_of_all_wants_system_read(
    live: Live, people: People, path: str
) -> None:
    for person in (people.viewer, people.user):
        refused = await ask(person.caller, path)
        assert (refused.status, refused.error) == (403, "insufficient_role")
    narrow = live.with_key(await people.admin.key(scopes=["metrics:read"]))
    wide = live.with_key(await people.admin.key(scopes=["metrics:read", "system:read"]))

    refused = await ask(narrow, path)

    assert (refused.status, refused.error) == (403, "insufficient_scope")
    assert 'scope="system:read"' in refused.headers["WWW-Authenticate"]
    assert (await ask(wide, path)).status == 200


async def test_an_environment_wants_metrics_read(live: Live, people: People) -> None:
    mine = await register(people.user)
    key = live.with_key(await people.user.key(scopes=["environments:read"]))

    for path in (f"/environment/{mine['id']}?type=cpu_usage", f"/cpu-usage?env_id={mine['id']}"):
        refused = await ask(key, path)
        assert (refused.status, refused.error) == (403, "insufficient_scope")
        assert 'scope="metrics:read"' in refused.headers["WWW-Authenticate"]


async def test_the_scope_is_judged_before_what_is_asked_for(live: Live, people: People) -> None:
    """So that who may not see a series does not learn which there are."""
    for path in ("/global?type=nothing", "?type=nothing", "/cpu-usage?step=7s"):
        refused = await ask(people.user.caller, path)
        assert (refused.status, refused.error) == (403, "insufficient_role")
    refused = await ask(people.user.caller, f"/environment/{NOWHERE}?type=nothing")
    assert refused.status == 422
