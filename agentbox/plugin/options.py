"""Options of a plugin: a frozen msgspec Struct of its own, with constraints in `Annotated`.

```python
class ExampleOptions(Options, frozen=True):
    greeting: Annotated[str, Meta(min_length=1)] = "hello"
    secret: Secret | None = None      # redacted wherever settings are shown
    every: timedelta = timedelta(seconds=30)
```

All types of a plugin state that class (`AuthenticatorType(…, options=ExampleOptions)`); the module
of a plugin without types states it as `AGENTBOX_OPTIONS = ExampleOptions`.
"""

from __future__ import annotations

from datetime import timedelta

from msgspec import Struct

from agentbox.model.secret import Secret

__all__ = ["NoOptions", "Options", "Secret", "timedelta"]


class Options(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of a plugin's options.

    Fields may be str, int, float, bool, Secret, timedelta (written `30s`, `15m`, `7d`), Path,
    an Enum, Literal, lists and `dict[str, …]` of them, or further Options.
    `check()` may look at several fields together.
    """

    def check(self) -> list[str]:
        """Faults that no single field shows, one sentence each, starting with the field's name, or
        with the path of a field further down, such as `providers.corp.issuer`: by that the line is
        found."""
        return []

    def notes(self, public_url: str) -> list[str]:
        """What an operator has to know to set the other side up, such as an address to register
        there, a sentence each; `agentbox check` prints them."""
        return []

    def weaknesses(self) -> list[str]:
        """What is allowed and weaker than it should be, a sentence each, for `agentbox doctor`."""
        return []


class NoOptions(Options, frozen=True):
    """For plugins that have none."""
