"""Files made from the code and compared with it. `python -m tests.house.generated` writes them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping

from agentbox.core.audit.events import EVENTS
from agentbox.errors import problems as every
from agentbox.loader import HOOKS
from agentbox.plugin import spec
from tests.house.access_page import access_page
from tests.house.metrics_page import metrics_page
from tests.house.public_surface import public_surface
from tests.house.routes_page import routes_page
from tests.house.security_page import security_page
from tests.house.tree import ROOT

HOOK_SECTIONS = ("When", "With what", "Return", "If you get it wrong", "Order", "Since")

_ERRORS_HEAD = """\
# Errors

Every error has one body, whatever went wrong and wherever: `application/problem+json` (RFC 9457).

| member | holds |
|---|---|
| `type` | `urn:agentbox:problem:<code>` |
| `title` | the title below, always the same for a code |
| `status` | the HTTP status again |
| `detail` | one sentence about this case |
| `error` | the code: stable, for programs; the word of RFC 6749 and 6750 where there is one |
| `message` | the text of `detail` again, for older clients |
| `request_id` | what the log knows this request by; also in the header `X-Request-Id` |
| `errors` | for faults of a body or query: a list of `{pointer, detail}`, pointers by RFC 6901 |

Some codes add members of their own, such as `scope` or `max_age`. There are no other codes.

| status | code | title | means |
|---|---|---|---|
"""


def problems() -> list[type[every.Problem]]:
    """Every class that a client can be told of, in the order of their module."""
    found = [value for value in vars(every).values() if inspect.isclass(value)]
    return [kind for kind in found if issubclass(kind, every.Problem) and "code" in vars(kind)]


def errors_page() -> str:
    """docs/errors.md"""
    from agentbox.web.errors import STATUS

    ordered = sorted(problems(), key=lambda kind: STATUS[kind])
    rows = [
        f"| {STATUS[kind]} | `{kind.code}` | {kind.title} | {_one_line(kind)} |" for kind in ordered
    ]
    return _ERRORS_HEAD + "\n".join(rows) + "\n"


def hook_sections(hook: str) -> dict[str, str]:
    """A hook's docstring: its first sentence under "", then its sections, each on one line."""
    text = inspect.getdoc(getattr(spec, hook)) or ""
    parts = re.split(r"^([A-Z][a-z ]+): ", text, flags=re.MULTILINE)
    named = dict(zip(parts[1::2], parts[2::2], strict=True))
    return {name: " ".join(body.split()) for name, body in {"": parts[0], **named}.items()}


def hook_reference(hook: str) -> str:
    """The heading with the exact signature, and the docstring as a list."""
    told = hook_sections(hook)
    signature = str(inspect.signature(getattr(spec, hook))).replace("'", "")
    items = [f"- **{name}:** {body}" for name, body in told.items() if name]
    return "\n".join([f"## `{hook}{signature}`", "", told[""], "", *items]) + "\n"


def hooks_page() -> str:
    """docs/plugins/hooks.md, with each hook's reference as the specification has it now."""
    page = (ROOT / "docs/plugins/hooks.md").read_text()
    for hook in HOOKS:
        old = re.compile(rf"^## `{hook}\(.*?^- \*\*Since:\*\* [^\n]*\n", re.MULTILINE | re.DOTALL)
        page, count = old.subn(lambda _, hook=hook: hook_reference(hook), page)  # type: ignore[misc]
        assert count == 1, f"{hook} has no heading in docs/plugins/hooks.md"
    return page


def audit_page() -> str:
    """docs/audit.md, with the table of events as the program has them now."""
    page = (ROOT / "docs/audit.md").read_text()
    rows = "".join(f"| `{event}` | {says} |\n" for event, says in sorted(EVENTS.items()))
    table = re.compile(r"(\| event \| says \|\n\|---\|---\|\n)(?:\| .*\n)*")
    page, count = table.subn(lambda found: found[1] + rows, page)
    assert count == 1, "docs/audit.md has no table of events"
    return page


def _one_line(kind: type) -> str:
    return " ".join((inspect.getdoc(kind) or "").split()).replace("|", "\\|")


GENERATED: Mapping[str, Callable[[], str]] = {
    "docs/access.md": access_page,
    "docs/audit.md": audit_page,
    "docs/errors.md": errors_page,
    "docs/metrics.md": metrics_page,
    "docs/plugins/hooks.md": hooks_page,
    "docs/routes.md": routes_page,
    "docs/security.md": security_page,
    "tests/data/public-surface.txt": public_surface,
}


if __name__ == "__main__":
    for place, make in GENERATED.items():
        (ROOT / place).write_text(make())
