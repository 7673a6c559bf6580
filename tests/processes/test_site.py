"""From press to picture with every process for real: web, follower, store, cron, Redis, BFL.

What happens when things go wrong is shown by `make proof`.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
import requests

from generations import bfl
from proof.site import ROOT, Site, log_in
from sandbox import Sandbox
from tests.conftest import KEY_OF_THE_SITE

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def session(site: Site) -> requests.Session:
    """Staff's, because the browser's tests are `demo`."""
    return log_in(site, "admin")


@pytest.fixture(scope="module")
def codes(site: Site, session: requests.Session) -> list[str]:
    """One finished picture of each endpoint."""
    pressed = [press(site, session, endpoint, f"a lighthouse, {endpoint}") for endpoint in bfl.ENDPOINTS]
    for code in pressed:
        wait_for(lambda: session.get(f"{site.url}/g/{code}/image").ok)  # noqa: B023  # used up in this round
    return pressed


def press(site: Site, session: requests.Session, endpoint: str, prompt: str) -> str:
    """Press Generate as a browser without scripts does; return the code of what was made."""
    page = session.get(f"{site.url}/?endpoint={endpoint}").text
    tokens = dict(re.findall(r'name="(csrfmiddlewaretoken|press)" value="([^"]+)"', page))
    form = {"endpoint": endpoint, "form_for": endpoint, "prompt": prompt, **tokens}
    answer = session.post(site.url, data=form)
    return answer.url.rpartition("=")[2]


def wait_for(question: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_every_endpoint_makes_its_picture_without_a_poll(
    site: Site, session: requests.Session, codes: list[str], quick_bfl: Sandbox
) -> None:
    images = [session.get(f"{site.url}/g/{code}/image") for code in codes]
    assert {image.headers["Content-Type"] for image in images} == {"image/jpeg"}
    assert len({image.content for image in images}) == len(codes) == 6
    tasks = {quick_bfl.submissions[f"a lighthouse, {endpoint}"][0].id for endpoint in bfl.ENDPOINTS}
    asked = [seen for seen in quick_bfl.requests if seen.task_id in tasks]
    assert len([seen for seen in asked if seen.method == "POST"]) == 6
    assert not any(seen.path.startswith("/v1/get_result") for seen in asked)


def test_the_pictures_are_in_the_persons_gallery_and_viewer(
    site: Site, session: requests.Session, codes: list[str]
) -> None:
    gallery = session.get(f"{site.url}/gallery/").text
    assert [code for code in codes if code not in gallery] == []
    assert "a lighthouse, flux-kontext-pro" in session.get(f"{site.url}/g/{codes[0]}/").text


@pytest.mark.parametrize(
    ("words", "told"), [("找" * 460, "No picture matches"), ("找" * 880, "too much to search for")]
)
def test_a_search_of_any_length_is_answered_with_a_sentence(
    words: str, told: str, site: Site, session: requests.Session, codes: list[str]
) -> None:
    page = session.get(f"{site.url}/gallery/", params={"q": words})
    assert (page.status_code, told in page.text) == (200, True)


def test_an_endless_request_line_is_refused_before_anybody_reads_it(site: Site) -> None:
    # The field of the search takes no more than fits, so that nobody who types meets the server's own page.
    answer = requests.get(f"{site.url}/gallery/", params={"q": "x" * 10_000}, timeout=10)
    assert answer.status_code == 414


def test_a_failure_is_told_and_not_charged(site: Site, session: requests.Session) -> None:
    press(site, session, "flux-dev", "[content moderated] on purpose")
    wait_for(lambda: "Not charged" in session.get(site.url).text)


def test_the_doctor_finds_everything_in_order(site: Site, codes: list[str]) -> None:
    done = site.manage("doctor")
    if done.returncode:
        # A picture that is being stored right now, for another test, may show up once.
        done = site.manage("doctor")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_neither_key_nor_signed_link_is_in_the_log(site: Site, codes: list[str], quick_bfl: Sandbox) -> None:
    log = site.log.read_text()
    assert "is succeeded" in log
    assert KEY_OF_THE_SITE not in log
    assert "sig=" not in log.replace("sig=…", "")
    assert not any(seen.key for seen in quick_bfl.requests if seen.path.startswith("/results/"))


@pytest.mark.parametrize("size", [200, 300_000])
def test_the_webhook_refuses_a_chunked_stranger(size: int, site: Site, codes: list[str]) -> None:
    assert post_in_chunks(site, codes[0], b" " * size, "wrong") == 401


@pytest.mark.parametrize(("padding", "status"), [(0, 200), (300_000, 413)])
def test_the_webhook_reads_a_chunked_body_up_to_its_limit(
    padding: int, status: int, site: Site, codes: list[str], quick_bfl: Sandbox
) -> None:
    (task,) = quick_bfl.submissions["a lighthouse, flux-kontext-pro"]
    body = {"task_id": task.id, "status": "Pending", "padding": "x" * padding}
    secret = task.params["webhook_secret"]
    assert post_in_chunks(site, codes[0], json.dumps(body).encode(), secret) == status


def post_in_chunks(site: Site, code: str, body: bytes, secret: str) -> int:
    connection = http.client.HTTPConnection(urlsplit(site.url).netloc, timeout=10)
    headers = {"X-Webhook-Secret": secret, "Content-Type": "application/json"}
    chunks = iter([body[:50], body[50:]])
    # Whoever is refused is not heard to the end: the answer may be there before all has been sent.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        connection.request("POST", f"/webhooks/bfl/{code}/", chunks, headers, encode_chunked=True)
    status = connection.getresponse().status
    connection.close()
    return status


def test_nothing_in_it_knows_the_sandbox() -> None:
    """With a key of its own the site never imports it."""
    script = "import sys, django; django.setup(); print([m for m in sys.modules if 'sandbox' in m])"
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]"
