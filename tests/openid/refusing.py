"""Sign-ins at a provider that is twisted in one way after another, and what came of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.openid.fake_provider import FakeProvider
from tests.openid.scene import Scene

Twist = Callable[[FakeProvider], None]

REFUSED = (401, "invalid_grant", "The sign-in did not succeed. Begin again.")
UNAVAILABLE = (503, "authenticator_unavailable", "The authenticator is not available now.")


def setting(**attributes: object) -> Twist:
    """Sets attributes of the provider."""

    def twist(provider: FakeProvider) -> None:
        for name, value in attributes.items():
            assert hasattr(provider, name)
            setattr(provider, name, value)

    return twist


async def refused(
    scene: Scene,
    twists: Mapping[str, Twist],
    *,
    told: tuple[int, str, str] = REFUSED,
    between: float = 0.0,
) -> dict[str, str]:
    """The reason in the audit for each twist; `between` seconds pass after it.

    Each is told to the user in the same words and leaves nothing; with the last one taken away,
    somebody can sign in, so it was the twists.
    """
    found = {}
    before = await scene.rows()
    earlier = len(await scene.refusals())
    said = set()
    for count, (name, twist) in enumerate(twists.items()):
        twist(scene.provider)
        answer = await scene.sign_in()
        outcome = await scene.outcome(answer, earlier + count)
        found[name] = outcome.reason
        said.add((*outcome[:2], answer.body["message"]))
        assert '"token"' not in answer.text
        scene.provider.straighten()
        scene.advance(between)

    assert said == {told}
    assert await scene.rows() == before
    assert (await scene.sign_in()).status == 200
    return found
