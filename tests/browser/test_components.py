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
def components(page: Page, log_in_as_staff: Callable[[Page], None], site: Site) -> Page:
    """The page, with all that folds unfolded."""
    log_in_as_staff(page)
    page.goto(f"{site.url}/components/")
    page.evaluate("document.querySelectorAll('.specimen details').forEach(fold => fold.open = true)")
    return page


def violations(page: Page, axe: str) -> list[str]:
    page.evaluate(axe)
    options = {"runOnly": RULES, "resultTypes": ["violations"], **APART}
    found: dict[str, Any] = page.evaluate("options => axe.run(options)", options)
    return [f"{item['id']}: {node['html'][:120]}" for item in found["violations"] for node in item["nodes"]]


def test_every_component_is_accessible_in_every_state(components: Page, axe: str) -> None:
    # Both themes stand on the page, side by side.
    components.emulate_media(color_scheme="light", reduced_motion="reduce")
    for width in (360, 1280):
        components.set_viewport_size({"width": width, "height": 800})
        assert violations(components, axe) == [], width


def test_both_themes_stand_there_and_fit_every_width(components: Page) -> None:
    components.emulate_media(color_scheme="light")
    halves = [components.locator(f".on-{theme}").first for theme in ("light", "dark")]
    grounds = [half.evaluate("half => getComputedStyle(half).backgroundColor") for half in halves]
    assert len(set(grounds)) == 2
    for width in (360, 768, 1280):
        components.set_viewport_size({"width": width, "height": 740})
        assert not is_sideways(components), width
