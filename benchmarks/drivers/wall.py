"""A gallery of some thousand pictures, scrolled end to end in Chromium. Its site runs at an address, with the
database of the environment. Prints JSON.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.test import Client  # noqa: E402
from playwright.sync_api import BrowserContext, Page, sync_playwright  # noqa: E402

from benchmarks import seed, vocabulary  # noqa: E402

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
# So many pixels with each frame: 18,000 a second, faster than any hand.
STEP = 300
MOST_SECONDS = 100
# A phone's line where the reception is bad, as Lighthouse has it: bytes a second, milliseconds.
SLOW_LINE = {"offline": False, "downloadThroughput": 1.6e6 / 8, "uploadThroughput": 750e3 / 8, "latency": 150}
SLOW_PAGES = 6
WATCH = """() => {
  const seen = (window.seen = {gaps: [], tasks: [], shifts: [], pages: []});
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) seen.tasks.push(entry.duration);
  }).observe({type: "longtask"});
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) seen.shifts.push([entry.startTime, entry.value]);
  }).observe({type: "layout-shift"});
  const wall = document.querySelector("[data-pages]");
  const count = () => ["[data-picture]", "*"].map((all) => wall.querySelectorAll(all).length);
  let before = count();
  new MutationObserver(() => {
    const now = count();
    const [pictures, nodes] = [now[0] - before[0], now[1] - before[1]];
    if (pictures) seen.pages.push([pictures, nodes]);
    before = now;
  }).observe(wall, {childList: true});
}"""
# Goes on until the last page is there and its end is seen, or so many pages have come.
SCROLL = """([step, most, seconds]) => new Promise((resolve) => {
  const end = performance.now() + seconds * 1000;
  let last = performance.now();
  const frame = (now) => {
    seen.gaps.push(now - last);
    last = now;
    scrollBy(0, step);
    const isAtEnd = scrollY + innerHeight >= document.documentElement.scrollHeight - 1;
    const isWhole = seen.pages.length >= most || !document.querySelector(".wall-next");
    if ((isAtEnd && isWhole) || now > end) resolve(isAtEnd);
    else requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
})"""


def main(url: str, count: int) -> None:
    seed.fill(count)
    print(json.dumps(measure(url)))


def measure(url: str) -> dict[str, Any]:
    cookie = session_of("person1")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        context.add_cookies([{"url": url, "name": settings.SESSION_COOKIE_NAME, "value": cookie}])
        whole = scrolled(context, f"{url}/gallery/", 10**6)
        word = vocabulary.OFTEN.split()[0]
        slow = scrolled(context, f"{url}/gallery/?q={word}", SLOW_PAGES, SLOW_LINE)
        browser.close()
    return {"load": os.getloadavg()[0], "whole": whole, "slow": slow}


def session_of(name: str) -> str:
    client = Client()
    client.force_login(User.objects.get(username=name))
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def scrolled(
    context: BrowserContext, address: str, most: int, line: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return what scrolling has cost while `most` pages came, and once more when they were there."""
    page = context.new_page()
    if line:
        session = context.new_cdp_session(page)
        session.send("Network.enable")
        session.send("Network.emulateNetworkConditions", line)
    page.goto(address, wait_until="load")
    page.wait_for_timeout(1500)
    told = {"coming": watched(page, most), "there": watched(page, 0)}
    page.close()
    return told


def watched(page: Page, most: int) -> dict[str, Any]:
    """Return what it costs to scroll from the top, until `most` pages have come or the end is seen."""
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(1500)
    page.evaluate(WATCH)
    began = time.monotonic()
    reached_the_end = page.evaluate(SCROLL, [STEP, most, MOST_SECONDS])
    page.wait_for_timeout(500)
    told: dict[str, Any] = page.evaluate("seen")
    return told | {"seconds": time.monotonic() - began, "end": reached_the_end}


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
