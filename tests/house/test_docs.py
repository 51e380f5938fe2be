"""The documentation says what is so: its code runs or is somebody's, its links lead somewhere."""

from __future__ import annotations

import ast
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from agentbox.core.startup import assemble
from tests.house.tree import ROOT, name_of, tracked_files

PAGES = [
    path
    for path in tracked_files()
    if path.suffix == ".md" and not path.is_relative_to(ROOT / "tests" / "data")
]

_BLOCK = re.compile(
    r"(?:^<!-- (?P<source>[\w./@-]+) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")


class Block(NamedTuple):
    """A code block of a page; `source` is the file that it claims to be."""

    page: Path
    line: int
    language: str
    source: str | None
    text: str


def blocks() -> Iterator[Block]:
    for page in PAGES:
        text = page.read_text()
        for found in _BLOCK.finditer(text):
            line = text.count("\n", 0, found.start()) + 1
            yield Block(page, line, found["language"], found["source"], found["text"])


def _id(block: Block) -> str:
    return f"{name_of(block.page)}:{block.line}"


INCLUDED = [block for block in blocks() if block.source]
OWN = [block for block in blocks() if not block.source]


@pytest.mark.parametrize("block", INCLUDED, ids=_id)
def test_an_included_block_is_the_file_that_it_names(block: Block) -> None:
    """`python -m tests.house.test_docs` copies the files into the pages."""
    assert block.text.strip() == (ROOT / str(block.source)).read_text().strip()


@pytest.mark.parametrize("block", [b for b in OWN if b.language == "python"], ids=_id)
def test_a_python_block_runs(block: Block) -> None:
    code = compile(ast.parse(block.text), _id(block), "exec", dont_inherit=True)

    exec(code, {"__name__": "documentation", "__file__": str(block.page)})


@pytest.mark.parametrize("block", [b for b in OWN if b.language == "toml"], ids=_id)
def test_a_toml_block_is_settings_that_hold(block: Block, tmp_path: Path) -> None:
    settings = tmp_path / "agentbox.toml"
    settings.write_text(block.text)

    assemble(settings, _secrets_beside(block, tmp_path), {})


def _secrets_beside(block: Block, folder: Path) -> dict[str, str]:
    """The secrets that the block's own section puts into the environment, or into files."""
    before, _, after = block.page.read_text().partition(block.text)
    section = before.rpartition("\n## ")[2] + after.partition("\n## ")[0]
    given: dict[str, str] = {}
    for name, by_file in re.findall(r"export (AGENTBOX_\w+?_SECRET)(_FILE)?=", section):
        secret, file = secrets.token_urlsafe(32), folder / name
        file.write_text(secret)
        given[name + by_file] = str(file) if by_file else secret
    return given


def test_no_block_is_of_a_kind_that_nobody_checks() -> None:
    """Console and shell blocks are run by the tests of the page they stand on."""
    checked = {"python", "toml", "console", "bash", "sh", "text", ""}

    assert [_id(block) for block in OWN if block.language not in checked] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_to_a_file_leads_there(page: Path) -> None:
    targets = [urlsplit(target) for target in _LINK.findall(_BLOCK.sub("", page.read_text()))]
    files = [target.path for target in targets if not target.scheme and target.path]

    assert [target for target in files if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_within_a_page_has_a_heading(page: Path) -> None:
    text = _BLOCK.sub("", page.read_text())
    headings = {_anchor(line) for line in text.splitlines() if line.startswith("#")}
    anchors = [urlsplit(target).fragment for target in _LINK.findall(text) if target[0] == "#"]

    assert [anchor for anchor in anchors if anchor not in headings] == []


def _anchor(heading: str) -> str:
    words = re.sub(r"[^\w\- ]", "", heading.lstrip("# ").lower())
    return words.replace(" ", "-")


def _with_sources(page: Path) -> str:
    def filled(found: re.Match[str]) -> str:
        if not found["source"]:
            return found[0]
        text = (ROOT / found["source"]).read_text().strip()
        return f"<!-- {found['source']} -->\n```{found['language']}\n{text}\n```"

    return _BLOCK.sub(filled, page.read_text())


if __name__ == "__main__":
    for each in {block.page for block in INCLUDED}:
        each.write_text(_with_sources(each))
