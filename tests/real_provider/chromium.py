"""A real Chromium without a window, driven by ChromeDriver as the WebDriver standard says."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp

from tests.postgres import absent

PATIENCE = 60.0
"""Seconds; a start takes less than one on an idle machine, and a page some milliseconds."""

# Without a sandbox, since root has none. A browser asks its maker and others about much on its own:
# as little of it as may be, and whatever else it wants, no name but ours has an address.
_OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--disable-features=AutofillServerCommunication",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)
_PREFERENCES = {
    "credentials_enable_service": False,
    "profile.password_manager_leak_detection": False,
}
_STARTED = re.compile(r"started successfully on port (\d+)")
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # WebDriver section 12.1


class Chromium:
    """A browser with one tab; `Page` of what it shows is asked for by CSS selectors."""

    def __init__(self, session: aiohttp.ClientSession, path: str) -> None:
        self._session = session
        self._path = path
        self._journal: list[Mapping[str, Any]] = []

    async def open(self, url: str) -> None:
        """Go there, and wait until the page is loaded."""
        await self._post("url", url=url)

    async def click(self, selector: str) -> None:
        """Click on it, once it is there; where that leads to a page, wait until it is loaded."""
        await self._post(f"element/{await self._element(selector)}/click")

    async def type(self, selector: str, text: str) -> None:
        """Type into it, once it is there."""
        await self._post(f"element/{await self._element(selector)}/value", text=text)

    async def text(self, selector: str) -> str:
        """What stands in it, once anything does."""
        script = "return document.querySelector(arguments[0])?.textContent.trim()"
        async with asyncio.timeout(PATIENCE):
            while not (found := await self.run(script, selector)):
                await asyncio.sleep(0.02)
        return str(found)

    async def at(self, beginning: str) -> str:
        """What stands in the address bar, once it begins like that."""
        async with asyncio.timeout(PATIENCE):
            while not (url := str(await self._ask("GET", "url"))).startswith(beginning):
                await asyncio.sleep(0.02)
        return url

    async def run(self, script: str, *arguments: Any) -> Any:
        """What the script returns, in the page."""
        return await self._post("execute/sync", script=script, args=list(arguments))

    async def cookies(self, *urls: str) -> Mapping[str, Mapping[str, Any]]:
        """By name, those that it would send to these addresses, with all that it knows of them."""
        answer = await self._devtools("Network.getCookies", urls=list(urls))
        return {cookie["name"]: cookie for cookie in answer["cookies"]}

    async def start_anew(self) -> None:
        """Without cookies and history, and with nothing requested and complained about so far."""
        await self._devtools("Network.clearBrowserCookies")
        await self.open("about:blank")
        await self._devtools("Page.resetNavigationHistory")
        await self.complaints()
        await self._log()
        self._journal.clear()

    async def forget(self, url: str) -> None:
        """Drop the cookies that it would send there."""
        for name in await self.cookies(url):
            await self._devtools("Network.deleteCookies", name=name, url=url)

    async def history(self) -> Sequence[str]:
        """The addresses that one can go back to, the present one last."""
        answer = await self._devtools("Page.getNavigationHistory")
        return [entry["url"] for entry in answer["entries"]]

    async def requested(self) -> Sequence[str]:
        """Every address on the network that was asked for, redirects too, the first one first."""
        events = [json.loads(entry["message"])["message"] for entry in await self._log()]
        return [
            event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
            and event["params"]["request"]["url"].startswith("http")
        ]

    async def complaints(self) -> Sequence[str]:
        """What it has written on its console since it was asked last."""
        entries = await self._post("se/log", type="browser")
        return [f"{entry['level']}: {entry['message']}" for entry in entries]

    async def _log(self) -> Sequence[Mapping[str, Any]]:
        self._journal += await self._post("se/log", type="performance")
        return self._journal

    async def _element(self, selector: str) -> str:
        found = await self._post("element", using="css selector", value=selector)
        return str(found[_ELEMENT])

    async def _devtools(self, method: str, **params: Any) -> Any:
        return await self._post("goog/cdp/execute", cmd=method, params=params)

    async def _post(self, path: str, **body: Any) -> Any:
        return await self._ask("POST", path, json=body)

    async def _ask(self, method: str, path: str, **options: Any) -> Any:
        async with self._session.request(method, f"{self._path}/{path}", **options) as response:
            value = (await response.json())["value"]
        if response.status != 200:
            raise AssertionError(f"{method} {path}: {value['error']}: {value['message']}")
        return value


@asynccontextmanager
async def chromium() -> AsyncIterator[Chromium]:
    """A browser that nobody has used yet, and that leaves nothing behind."""
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if browser is None or driver is None:
        absent("there is no chromium with its chromedriver here: make ci-deps, as root")
    # By a short name: sockets are made in it, whose paths have 107 characters.
    with TemporaryDirectory(prefix="agentbox-", ignore_cleanup_errors=True) as folder:
        async with _driven(driver, browser, Path(folder)) as opened:
            yield opened


@asynccontextmanager
async def _driven(driver: str, browser: str, folder: Path) -> AsyncIterator[Chromium]:
    options = {
        "binary": browser,
        "args": [*_OPTIONS, f"--user-data-dir={folder / 'profile'}"],
        "prefs": _PREFERENCES,
    }
    wanted = {
        "browserName": "chrome",
        "goog:chromeOptions": options,
        "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        "timeouts": dict.fromkeys(("implicit", "pageLoad", "script"), int(PATIENCE * 1000)),
    }
    process = subprocess.Popen(
        [driver, "--port=0"],
        env={"PATH": os.environ.get("PATH", ""), "HOME": str(folder), "TMPDIR": str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # of the browser, too; what matters is answered
        text=True,
    )
    try:
        address = f"http://127.0.0.1:{await asyncio.to_thread(_port_of, process)}"
        limit = aiohttp.ClientTimeout(total=2 * PATIENCE)
        async with aiohttp.ClientSession(address, timeout=limit) as session:
            body = {"capabilities": {"alwaysMatch": wanted}}
            async with session.post("/session", json=body) as response:
                value = (await response.json())["value"]
            assert "sessionId" in value, value
            path = f"/session/{value['sessionId']}"
            try:
                yield Chromium(session, path)
            finally:
                await session.delete(path)
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE)
        assert process.stdout is not None
        process.stdout.close()


def _port_of(process: subprocess.Popen[str]) -> int:
    """Where ChromeDriver listens, from what it says of itself."""
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if match := _STARTED.search(line):
            return int(match[1])
    raise AssertionError(f"chromedriver does not start: {said}")
