from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request

from generations.sandbox import Sandbox
from proof.site import Site, free_port, running_site

CHROMIUM = shutil.which("chromium")
# Chromium would look up its maker's hosts at every start.
QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]


@pytest.fixture(scope="session", autouse=True)
def chromium() -> str:
    if CHROMIUM is None:
        assert os.environ.get("CI") != "true", "Chromium is missing (apt install chromium)"
        pytest.skip("Chromium is missing (apt install chromium)")
    return CHROMIUM


@pytest.fixture(scope="session")
def browser_type_launch_args(chromium: str) -> dict[str, Any]:
    return {"executable_path": chromium, "args": ["--no-sandbox", "--disable-gpu", *QUIET]}


@pytest.fixture(scope="session")
def quick_bfl() -> Iterator[Sandbox]:
    with Sandbox(key="a-key-for-the-browser", speed=6) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def site(quick_bfl: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    port = str(free_port())
    environment = {
        "PORT": port,
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "BFL_API_KEY": "a-key-for-the-browser",
        "BFL_API_BASE": quick_bfl.url,
        "BFL_EXTRA_HOSTS": quick_bfl.hosts[0],
    }
    with running_site(tmp_path_factory.mktemp("site"), **environment) as running:
        yield running


@pytest.fixture(autouse=True)
def no_complaints(context: BrowserContext, site: Site) -> Iterator[None]:
    """Fail on any console message, any error of a script, and any request that leaves the site."""
    complaints: list[str] = []

    def on_page(page: Page) -> None:
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.extend(_complaint_of(message)))

    def on_request(request: Request) -> None:
        if not request.url.startswith((site.url, "data:")):
            complaints.append(f"a request to {request.url}")

    context.on("page", on_page)
    context.on("request", on_request)
    yield
    assert complaints == []


def _complaint_of(message: ConsoleMessage) -> list[str]:
    # Chromium itself reports every answer of 400 and above; a refused form is one on purpose.
    is_refusal = "status of 422" in message.text or "status of 404" in message.text
    return [] if is_refusal else [f"{message.type}: {message.text}"]


@pytest.fixture
def log_in(site: Site) -> Callable[[Page], None]:
    def log_in_as_demo(page: Page) -> None:
        page.goto(site.url)
        page.get_by_label("Username").fill("demo")
        page.get_by_label("Password").fill(site.password_of("demo"))
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url(f"{site.url}/")

    return log_in_as_demo


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe, which judges a page's accessibility."""
    return (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
