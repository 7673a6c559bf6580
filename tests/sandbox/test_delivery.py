from __future__ import annotations

import base64
import hashlib
import io
import re
import time
from urllib.parse import unquote

import pytest
import requests
from PIL import Image

from sandbox import Sandbox
from tests.sandbox.conftest import sample, submit


def _get(url: str) -> requests.Response:
    return requests.get(url, timeout=5)


def test_it_delivers_a_picture_of_the_size_asked_for(sandbox: Sandbox) -> None:
    response = _get(sample(submit(sandbox, width=320, height=256)))
    with Image.open(io.BytesIO(response.content)) as image:
        assert (image.format, image.size) == ("JPEG", (320, 256))
    assert response.headers["Content-Type"] == "image/jpeg"


def test_it_signs_links_as_azure_does(sandbox: Sandbox) -> None:
    url = sample(submit(sandbox))
    form = r"/results/[0-9a-f]{2}/[0-9a-f]{14}/[0-9a-f]{32}/sample\.jpeg\?se=[^&]+Z&sp=r&sv=[^&]+"
    assert re.fullmatch(re.escape(sandbox.url) + form + r"&sr=b&rsct=image/jpeg&sig=[^&]+", url)


def test_it_sends_the_headers_of_a_blob(sandbox: Sandbox) -> None:
    response = _get(sample(submit(sandbox)))
    digest = base64.b64encode(hashlib.md5(response.content).digest()).decode()
    assert response.headers["Content-MD5"] == digest
    assert int(response.headers["Content-Length"]) == len(response.content)
    assert response.headers["ETag"].startswith('"0x')
    assert "Access-Control-Allow-Origin" not in response.headers


@pytest.mark.parametrize(
    ("slug", "asked", "got"),
    [
        ("flux-dev", None, "JPEG"),
        ("flux-dev", "png", "PNG"),
        ("flux-dev", "webp", "WEBP"),
        ("flux-kontext-pro", "jpeg", "JPEG"),
        ("flux-kontext-max", None, "PNG"),
    ],
)
def test_it_delivers_the_format_of_the_endpoint(
    sandbox: Sandbox, slug: str, asked: str | None, got: str
) -> None:
    url = sample(submit(sandbox, slug, output_format=asked))
    assert f"sample.{got.lower()}?" in url
    with Image.open(io.BytesIO(_get(url).content)) as image:
        assert image.format == got


def test_it_refuses_a_link_after_its_time(sandbox: Sandbox) -> None:
    sandbox.settings.link_seconds = 0
    response = _get(sample(submit(sandbox)))
    assert response.status_code == 403
    assert response.headers["Content-Type"] == "application/xml"
    assert b"<Code>AuthenticationFailed</Code>" in response.content


def test_it_gives_links_ten_minutes_from_completion(sandbox: Sandbox) -> None:
    url = sample(submit(sandbox))
    until = unquote(url.split("se=")[1].split("&")[0])
    (task,) = sandbox.tasks.values()
    assert until == time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(task.ready_at + 600))


def test_it_refuses_a_link_that_was_tampered_with(sandbox: Sandbox) -> None:
    url = sample(submit(sandbox))
    later = re.sub(r"se=\d{4}", "se=2999", url)
    assert _get(later).status_code == 403
    assert _get(url.split("?")[0]).status_code == 403


def test_it_has_nothing_at_other_paths(sandbox: Sandbox) -> None:
    url = sample(submit(sandbox))
    assert _get(url.replace("/results/", "/results/0")).status_code == 404


def test_it_can_sign_an_expired_link_again(sandbox: Sandbox) -> None:
    sandbox.settings.link_seconds = 0
    response = submit(sandbox)
    assert _get(sample(response)).status_code == 403
    sandbox.settings.renews_links, sandbox.settings.link_seconds = True, 600
    assert _get(sample(response)).status_code == 200


def test_it_logs_a_key_sent_to_the_delivery_host(sandbox: Sandbox) -> None:
    url = sample(submit(sandbox))
    requests.get(url, headers={"X-Key": "leaked"}, timeout=5)
    _get(url)
    keys = [seen.key for seen in sandbox.requests if seen.path.startswith("/results/")]
    assert keys == ["leaked", None]


def test_it_remembers_the_first_download(sandbox: Sandbox) -> None:
    url = sample(submit(sandbox))
    (task,) = sandbox.tasks.values()
    assert task.downloaded_at is None
    _get(url)
    assert task.downloaded_at is not None
    assert task.downloaded_at >= task.ready_at
