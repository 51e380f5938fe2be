"""What authors may import, name by name, so that no change of it goes unnoticed."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from importlib import import_module
from types import UnionType

from agentbox import plugin

MODULES = (
    "agentbox.model.evidence",
    "agentbox.model.access.route",
    "agentbox.model.access.roles",
    "agentbox.model.principal",
    "agentbox.model.secret",
    "agentbox.model.users",
    "agentbox.model.sessions",
    "agentbox.model.api_keys",
    "agentbox.model.environments",
    "agentbox.model.signing_keys",
    "agentbox.model.audit",
    "agentbox.model.jobs",
    "agentbox.errors.root",
    "agentbox.errors.start",
    "agentbox.errors.parts",
    "agentbox.errors.problems",
)
"""The modules beside `agentbox.plugin` that authors import from (`agentbox.errors` as one)."""


def public_surface() -> str:
    """`agentbox.plugin` and these modules: classes with their members, functions, constants."""
    parts = ["# agentbox.plugin\n"]
    parts += ["\n".join(_exported(name)) + "\n" for name in plugin.__all__]
    for module in MODULES:
        parts.append(f"# {module}\n")
        tree = ast.parse(inspect.getsource(import_module(module)))
        shown = ("\n".join(_statement(node)) for node in tree.body)
        parts += [f"{text}\n" for text in shown if text]
    return "\n".join(parts)


def _exported(name: str) -> Iterator[str]:
    value = getattr(plugin, name)
    if (inspect.isclass(value) or inspect.isfunction(value)) and value.__name__ == name:
        yield from _statement(ast.parse(textwrap.dedent(inspect.getsource(value))).body[0])
        return
    plain = isinstance(value, int | UnionType)  # the repr of others may hold an address
    yield f"{name} = {value if plain else getattr(value, '__name__', type(value).__name__)}"


def _statement(node: ast.stmt) -> Iterator[str]:
    """The lines for one statement of a module or class; none for what is private."""
    if isinstance(node, ast.ClassDef) and _public(node.name):
        heads = [*map(ast.unparse, node.bases), *map(ast.unparse, node.keywords)]
        yield f"class {node.name}({', '.join(heads)})"
        yield from (f"    {line}" for member in node.body for line in _statement(member))
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _public(node.name):
        yield from (f"@{ast.unparse(decorator)}" for decorator in node.decorator_list)
        kind = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
        returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
        yield f"{kind} {node.name}({ast.unparse(node.args)}){returns}"
    elif isinstance(node, ast.AnnAssign | ast.Assign):
        text = ast.unparse(node)
        yield from [text] if _public(text) and "= TypeVar(" not in text else []


def _public(name: str) -> bool:
    return name == "__init__" or not name.startswith(("_", "(_"))
