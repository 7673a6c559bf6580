"""Every component in every state, in Chromium: the page that shows them all to staff."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from proof.site import Site
from tests.browser.conftest import RULES, is_sideways

pytestmark = [pytest.mark.browser, pytest.mark.processes]

# Each component stands there twice, its landmarks and headings with it.
APART = {"rules": {"landmark-unique": {"enabled": False}}}


@pytest.fixture
def components(page: Page, site: Site) -> Callable[[], Page]:
    """Open the page as staff, with all that folds unfolded."""
    page.goto(f"{site.url}/accounts/login/?next=/components/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(site.password_of("admin"))
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/components/")

    def opened() -> Page:
        page.goto(f"{site.url}/components/")
        page.evaluate("document.querySelectorAll('.specimen details').forEach(fold => fold.open = true)")
        return page

    return opened


def violations(page: Page, axe: str) -> list[str]:
    page.evaluate(axe)
    options = {"runOnly": RULES, "resultTypes": ["violations"], **APART}
    found: dict[str, Any] = page.evaluate("options => axe.run(options)", options)
    return [f"{item['id']}: {node['html'][:120]}" for item in found["violations"] for node in item["nodes"]]


@pytest.mark.parametrize("width", [360, 1280])
def test_every_component_is_accessible_in_every_state(
    width: int, page: Page, components: Callable[[], Page], axe: str
) -> None:
    # Both themes stand on the page, side by side.
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 800})
    assert violations(components(), axe) == []


def test_both_themes_stand_there_and_fit_every_width(page: Page, components: Callable[[], Page]) -> None:
    page.emulate_media(color_scheme="light")
    light, dark = (components().locator(f".on-{theme}").first for theme in ("light", "dark"))
    grounds = [half.evaluate("half => getComputedStyle(half).backgroundColor") for half in (light, dark)]
    assert len(set(grounds)) == 2
    for width in (360, 768, 1280):
        page.set_viewport_size({"width": width, "height": 740})
        assert not is_sideways(page), width
