"""From press to picture with every process for real: web, follower, store, cron, Redis, BFL."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from generations import bfl
from generations.sandbox import Sandbox
from tests.site import ROOT, Site, free_port, log_in, running_site

pytestmark = pytest.mark.processes

KEY = "a-key-that-must-not-be-seen"


@pytest.fixture(scope="module")
def quick_bfl() -> Iterator[Sandbox]:
    with Sandbox(key=KEY, speed=8, clusters=2) as sandbox:
        yield sandbox


def settings_for(sandbox: Sandbox, **more: str) -> dict[str, str]:
    hosts = ",".join(sandbox.hosts)
    return {"BFL_API_KEY": KEY, "BFL_API_BASE": sandbox.url, "BFL_EXTRA_HOSTS": hosts, **more}


@pytest.fixture(scope="module", params=["polling", "webhook"])
def site(
    request: pytest.FixtureRequest, quick_bfl: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    quick_bfl.reset()
    port = str(free_port())
    public_url = {"PUBLIC_URL": f"http://127.0.0.1:{port}"} if request.param == "webhook" else {}
    folder = tmp_path_factory.mktemp(request.param)
    with running_site(folder, PORT=port, **settings_for(quick_bfl, **public_url)) as running:
        yield running


def polls(sandbox: Sandbox) -> int:
    return sum(request.path.startswith("/v1/get_result") for request in sandbox.requests)


def test_every_endpoint_makes_its_picture(site: Site, quick_bfl: Sandbox) -> None:
    tasks, asked = len(quick_bfl.tasks), polls(quick_bfl)
    with ThreadPoolExecutor(6) as presses:
        lines = presses.map(
            lambda endpoint: site.generate(endpoint, f"a lighthouse, {endpoint}"), bfl.ENDPOINTS
        )
    made = [line for (line,) in lines]
    assert [line["status"] for line in made] == ["succeeded"] * 6
    files = {(Path(site.environment["DATA_DIR"]) / "media" / line["image"]).read_bytes() for line in made}
    assert len(files) == 6
    assert len(quick_bfl.tasks) == tasks + 6
    assert (polls(quick_bfl) == asked) == ("PUBLIC_URL" in site.environment)


def test_the_picture_is_in_the_persons_gallery_and_viewer(site: Site) -> None:
    (line,) = site.generate("flux-dev", "a lighthouse for the gallery")
    session = log_in(site)
    assert line["code"] in session.get(f"{site.url}/gallery/").text
    assert "a lighthouse for the gallery" in session.get(f"{site.url}/g/{line['code']}/").text
    image = session.get(f"{site.url}/g/{line['code']}/image")
    assert (image.headers["Content-Type"], image.content[:2]) == ("image/jpeg", b"\xff\xd8")


def test_a_failure_is_told_and_not_charged(site: Site) -> None:
    (line,) = site.generate("flux-dev", "[content moderated] on purpose")
    assert (line["status"], line["failure_code"]) == ("failed", "content_moderated")
    assert "Not charged" in log_in(site).get(f"{site.url}/").text


def test_the_doctor_finds_everything_in_order(site: Site) -> None:
    done = site.manage("doctor")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_neither_key_nor_signed_link_is_in_the_log(site: Site, quick_bfl: Sandbox) -> None:
    site.generate("flux-dev", "a lighthouse for the log")
    log = site.log.read_text()
    assert "is succeeded" in log
    assert KEY not in log
    assert "sig=" not in log.replace("sig=…", "")
    assert not any(seen.key for seen in quick_bfl.requests if seen.path.startswith("/results/"))


@pytest.mark.parametrize(("size", "status"), [(200, 401), (300_000, 401)])
def test_the_webhook_refuses_a_chunked_stranger(size: int, status: int, site: Site) -> None:
    (line,) = site.generate("flux-dev", "a lighthouse", "--wait", "0")
    assert _post_in_chunks(site, line["code"], b" " * size, "wrong") == status


@pytest.mark.parametrize(("padding", "status"), [(0, 200), (300_000, 413)])
def test_the_webhook_reads_a_chunked_body_up_to_its_limit(padding: int, status: int, site: Site) -> None:
    (line,) = site.generate("flux-dev", "a lighthouse")
    body = {"task_id": line["bfl_id"], "status": "Pending", "padding": "x" * padding}
    assert (
        _post_in_chunks(site, line["code"], json.dumps(body).encode(), _secret(site, line["code"])) == status
    )


def _post_in_chunks(site: Site, code: str, body: bytes, secret: str) -> int:
    connection = http.client.HTTPConnection(urlsplit(site.url).netloc, timeout=10)
    headers = {"X-Webhook-Secret": secret, "Content-Type": "application/json"}
    chunks = iter([body[:50], body[50:]])
    connection.request("POST", f"/webhooks/bfl/{code}/", chunks, headers, encode_chunked=True)
    status = connection.getresponse().status
    connection.close()
    return status


def _secret(site: Site, code: str) -> str:
    """Return the webhook's secret, which only the site itself can make."""
    script = (
        "from django.conf import settings; settings.PUBLIC_URL = 'http://127.0.0.1';"
        "from generations import models, provider;"
        f"print(provider.get_webhook(models.Generation.objects.get(code='{code}')).secret)"
    )
    return site.manage("shell", "--no-imports", "--command", script).stdout.strip()


def test_everything_killed_at_once_loses_nothing_and_buys_nothing_twice(
    site: Site, quick_bfl: Sandbox
) -> None:
    before = len(quick_bfl.tasks)
    quick_bfl.faults.script("submit", "latency", seconds=8, times=None)
    lines = site.generate("flux-dev", "a lighthouse", "--count", "8", "--wait", "0")
    _wait_for(lambda: len(quick_bfl.tasks) == before + 8)
    time.sleep(0.5)  # for the answers to the submissions to be written down
    _kill_all(site)
    quick_bfl.faults.clear()
    site.start()
    codes = [line["code"] for line in lines]
    _wait_for(lambda: _statuses(site, codes) == {"succeeded"}, seconds=40)
    assert len(quick_bfl.tasks) == before + 8
    assert site.manage("doctor").returncode == 0


def _kill_all(site: Site) -> None:
    assert site.process is not None
    for child in psutil.Process(site.process.pid).children(recursive=True):
        child.kill()
    site.process.kill()
    site.process.wait()


def _statuses(site: Site, codes: list[str]) -> set[str]:
    script = (
        "from generations.models import Generation;"
        f"print(*Generation.objects.filter(code__in={codes}).values_list('status', flat=True))"
    )
    return set(site.manage("shell", "--no-imports", "--command", script).stdout.split())


def _wait_for(question: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_nothing_in_it_knows_the_sandbox() -> None:
    """With a key of its own the site never imports it."""
    script = "import sys, django; django.setup(); print([m for m in sys.modules if 'sandbox' in m])"
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]"
