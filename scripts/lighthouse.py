"""Lighthouse, as a phone, on the pages that people see most: .venv/bin/python -m scripts.lighthouse

Needs npx and Debian's Chromium. Starts a site of its own with the sandbox, and ends with status 1 if a page
has less than 95 in anything.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests

from proof.site import Site, log_in, running_site

VERSION = "13.5.0"
LEAST = 95
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
METRICS = ("largest-contentful-paint", "total-blocking-time", "cumulative-layout-shift")
CHROME_FLAGS = "--headless=new --no-sandbox --disable-gpu"
# One task at a time, of 3 to 8 seconds each: so many keep the studio busy for as long as it is measured.
BUSY_WITH = 12
_TOKEN = re.compile(r'name="(csrfmiddlewaretoken|press)" value="([^"]+)"')
_PICTURE = re.compile(r'href="(/g/[0-9a-f-]+/)"')


def main(wanted: list[str]) -> int:
    with tempfile.TemporaryDirectory() as folder, running_site(Path(folder), BFL_MAX_ACTIVE="1") as site:
        print(
            f"{'page':<16}{'perf':>6}{'access':>8}{'best':>6}{'seo':>6}{'LCP':>9}{'TBT':>9}{'CLS':>8}{'requests':>10}"
        )
        least = min(_measured(name, report) for name, report in _reports(site, wanted))
    return 0 if least >= LEAST else 1


def _reports(site: Site, wanted: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, address, session in _pages(site):
        if not wanted or name in wanted:
            yield name, _report(address, session)


def _pages(site: Site) -> Iterator[tuple[str, str, requests.Session]]:
    """Yield each page's name, address and visitor, the site standing as the page is to be seen."""
    nobody, member, staff = requests.Session(), log_in(site), log_in(site, "admin")
    yield "login", f"{site.url}/accounts/login/", nobody
    yield "studio, empty", f"{site.url}/", member
    for _ in range(BUSY_WITH):
        _press(site, member)
    yield "studio, busy", f"{site.url}/", member
    yield "credits", f"{site.url}/credits/", member
    yield "usage", f"{site.url}/usage/", staff
    yield "gallery", f"{site.url}/gallery/", member
    found = _PICTURE.search(member.get(f"{site.url}/gallery/").text)
    assert found, "no picture was finished meanwhile"
    yield "viewer", site.url + found[1], member
    yield "components", f"{site.url}/components/", staff


def _press(site: Site, session: requests.Session) -> None:
    tokens = dict(_TOKEN.findall(session.get(f"{site.url}/").text))
    form = {"endpoint": "flux-dev", "form_for": "flux-dev", "prompt": "A lighthouse at dusk"} | tokens
    session.post(f"{site.url}/?buy", data=form).raise_for_status()


def _report(address: str, session: requests.Session) -> dict[str, Any]:
    cookie = "; ".join(f"{cookie.name}={cookie.value}" for cookie in session.cookies)
    command = [
        "npx",
        "--yes",
        f"lighthouse@{VERSION}",
        address,
        "--quiet",
        "--output=json",
        f"--only-categories={','.join(CATEGORIES)}",
        f"--chrome-flags={CHROME_FLAGS}",
        f"--extra-headers={json.dumps({'Cookie': cookie} if cookie else {})}",
    ]
    quiet = {"npm_config_loglevel": "error", "npm_config_update_notifier": "false"}
    environment = os.environ | quiet | {"CHROME_PATH": shutil.which("chromium") or ""}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def _measured(name: str, report: dict[str, Any]) -> int:
    """Print a page's line, and what took points from it; return the least of its scores."""
    scores = [round(100 * (report["categories"][category]["score"] or 0)) for category in CATEGORIES]
    values = [report["audits"][metric]["displayValue"] for metric in METRICS]
    asked = len(report["audits"]["network-requests"]["details"]["items"])
    widths = (6, 8, 6, 6, 9, 9, 8, 10)
    cells = zip([*scores, *values, asked], widths, strict=True)
    print(f"{name:<16}" + "".join(f"{cell!s:>{width}}" for cell, width in cells), flush=True)
    for category in CATEGORIES:
        for lost in _lost(report, category):
            print(f"    {category}: {lost}")
    return min(scores)


def _lost(report: dict[str, Any], category: str) -> Iterator[str]:
    for reference in report["categories"][category]["auditRefs"]:
        audit = report["audits"][reference["id"]]
        if reference["weight"] and audit["score"] is not None and audit["score"] < 0.9:
            yield audit["title"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
