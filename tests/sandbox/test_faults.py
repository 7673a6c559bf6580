from __future__ import annotations

import io
import socket
import time
from typing import Any

import pytest
import requests
from PIL import Image

from generations.sandbox import Sandbox
from generations.sandbox.faults import KINDS
from tests.sandbox.conftest import finish, poll, sample, submit


def test_it_answers_as_told_and_then_as_ever(sandbox: Sandbox) -> None:
    body = {"detail": "Slow down"}
    sandbox.faults.script("submit", "answer", status=429, body=body, headers={"Retry-After": "7"})
    response = submit(sandbox)
    assert (response.status_code, response.json()) == (429, body)
    assert response.headers["Retry-After"] == "7"
    assert submit(sandbox).status_code == 200
    assert len(sandbox.tasks) == 1


def test_it_answers_with_a_page(sandbox: Sandbox) -> None:
    sandbox.faults.script("submit", "answer", status=502, body="<h1>Bad Gateway</h1>")
    response = submit(sandbox)
    assert response.text == "<h1>Bad Gateway</h1>"
    assert response.headers["Content-Type"].startswith("text/html")


def test_it_answers_with_broken_json(sandbox: Sandbox) -> None:
    headers = {"Content-Type": "application/json"}
    sandbox.faults.script("poll", "answer", status=200, body='{"id": "', headers=headers)
    with pytest.raises(requests.JSONDecodeError):
        poll(submit(sandbox))


def test_it_drops_a_submission_before_it_was_taken(sandbox: Sandbox) -> None:
    sandbox.faults.script("submit", "drop")
    with pytest.raises(requests.ConnectionError):
        submit(sandbox)
    assert not sandbox.tasks
    assert sandbox.credits == 1000
    assert sandbox.requests[0].status is None


def test_it_drops_a_submission_after_it_was_taken(sandbox: Sandbox) -> None:
    sandbox.faults.script("submit", "drop", accepted=True)
    with pytest.raises(requests.ConnectionError):
        submit(sandbox)
    assert len(sandbox.tasks) == 1
    assert sandbox.credits < 1000


def test_it_loses_the_answer_to_a_submission_that_was_taken(sandbox: Sandbox) -> None:
    sandbox.faults.script("submit", "answer", status=504, body="", accepted=True)
    assert submit(sandbox).status_code == 504
    assert len(sandbox.tasks) == 1


def test_it_hangs(sandbox: Sandbox) -> None:
    sandbox.faults.script("submit", "hang", seconds=0.2)
    started = time.monotonic()
    assert submit(sandbox).status_code == 200
    assert time.monotonic() - started >= 0.2


def test_it_picks_endpoint_and_prompt(sandbox: Sandbox) -> None:
    sandbox.faults.script("submit", "answer", endpoint="flux-pro", prompt="fox", status=503)
    codes = [
        submit(sandbox, slug, prompt=prompt).status_code
        for slug, prompt in (("flux-dev", "fox"), ("flux-pro", "cat"), ("flux-pro", "a fox"))
    ]
    assert codes == [200, 200, 503]


def test_it_lets_some_pass_first(sandbox: Sandbox) -> None:
    sandbox.faults.script("submit", "answer", status=500, skip=1, times=2)
    assert [submit(sandbox).status_code for _ in range(4)] == [200, 500, 500, 200]


def test_it_throws_the_same_dice_for_the_same_seed() -> None:
    runs = []
    for _ in range(2):
        with Sandbox(seed=3, max_active=99) as sandbox:
            sandbox.faults.script("submit", "answer", status=500, probability=0.5, times=None)
            runs.append([submit(sandbox).status_code for _ in range(12)])
    assert runs[0] == runs[1]
    assert set(runs[0]) == {200, 500}


@pytest.mark.parametrize("status", ["Error", "Failed", "Reticulating Splines"])
def test_it_ends_with_any_status(sandbox: Sandbox, status: str) -> None:
    details = {"error": "because"}
    sandbox.faults.script("submit", "outcome", task_status=status, details=details)
    answer = finish(submit(sandbox))
    assert (answer["status"], answer["details"], answer["result"]) == (status, details, None)


def test_it_reports_any_status_for_a_while(slow_sandbox: Sandbox) -> None:
    slow_sandbox.faults.script("poll", "status", task_status="Reasoning", times=2)
    response = submit(slow_sandbox)
    assert [poll(response)["status"] for _ in range(3)] == ["Reasoning", "Reasoning", "Pending"]


def test_it_never_ends(sandbox: Sandbox) -> None:
    sandbox.faults.script("submit", "never")
    endless, other = submit(sandbox), submit(sandbox)
    finish(other)
    assert poll(endless)["status"] == "Pending"
    assert sandbox.active == {"flux-dev": 1}


def test_it_takes_the_seconds_it_is_told(sandbox: Sandbox) -> None:
    sandbox.faults.script("submit", "latency", seconds=0.25)
    submit(sandbox)
    (task,) = sandbox.tasks.values()
    assert task.ready_at - task.accepted_at == pytest.approx(0.25)


def test_it_forgets_the_sample(sandbox: Sandbox) -> None:
    sandbox.faults.script("submit", "no_sample")
    answer = finish(submit(sandbox))
    assert answer["status"] == "Ready"
    assert "sample" not in answer["result"]


def test_it_names_a_hostile_host(sandbox: Sandbox) -> None:
    url = "http://169.254.169.254/latest/meta-data"
    sandbox.faults.script("submit", "sample_url", url=url)
    assert sample(submit(sandbox)) == url


def test_it_loses_sight_of_a_task(slow_sandbox: Sandbox) -> None:
    slow_sandbox.faults.script("poll", "not_found")
    response = submit(slow_sandbox)
    assert [poll(response)["status"] for _ in range(2)] == ["Task not found", "Pending"]


def _download(sandbox: Sandbox, kind: str, **values: Any) -> requests.Response:
    sandbox.faults.script("download", kind, **values)
    return requests.get(sample(submit(sandbox)), timeout=5)


def test_it_sends_half_a_picture(sandbox: Sandbox) -> None:
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        _download(sandbox, "truncated")


def test_it_sends_slowly(sandbox: Sandbox) -> None:
    started = time.monotonic()
    response = _download(sandbox, "slow", seconds=0.3)
    assert time.monotonic() - started >= 0.3
    Image.open(io.BytesIO(response.content)).load()


def test_it_sends_too_much(sandbox: Sandbox) -> None:
    response = _download(sandbox, "oversized", size=3_000_000)
    assert len(response.content) == int(response.headers["Content-Length"]) == 3_000_000


def test_it_sends_too_much_unannounced(sandbox: Sandbox) -> None:
    response = _download(sandbox, "endless", size=3_000_000)
    assert "Content-Length" not in response.headers
    assert len(response.content) == 3_000_000


def test_it_sends_another_format_than_it_says(sandbox: Sandbox) -> None:
    response = _download(sandbox, "wrong_format")
    assert response.headers["Content-Type"] == "image/jpeg"
    assert response.content.startswith(b"\x89PNG")


def test_it_sends_a_page_for_a_picture(sandbox: Sandbox) -> None:
    response = _download(sandbox, "not_a_picture")
    assert response.headers["Content-Type"] == "image/jpeg"
    assert b"<!doctype html>" in response.content


def test_it_claims_too_many_pixels(sandbox: Sandbox) -> None:
    response = _download(sandbox, "huge_pixels")
    assert len(response.content) < 1000
    with pytest.raises(Image.DecompressionBombError):
        Image.open(io.BytesIO(response.content))


@pytest.mark.parametrize(("kind", "status"), [("expired", 403), ("answer", 500)])
def test_it_refuses_a_download_once(sandbox: Sandbox, kind: str, status: int) -> None:
    assert _download(sandbox, kind).status_code == status
    (task,) = sandbox.tasks.values()
    assert task.downloaded_at is None
    assert requests.get(sandbox.sample_url(task), timeout=5).status_code == 200


def test_it_stops_a_hanging_request_when_it_stops() -> None:
    with Sandbox() as sandbox:
        sandbox.faults.script("submit", "hang", seconds=60)
        with socket.create_connection(("127.0.0.1", int(sandbox.hosts[0].split(":")[1]))) as client:
            client.sendall(b"POST /v1/flux-dev HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
            started = time.monotonic()
            sandbox.stop()
            assert time.monotonic() - started < 2


@pytest.mark.parametrize("stage", KINDS)
def test_it_knows_its_kinds_only(sandbox: Sandbox, stage: str) -> None:
    with pytest.raises(ValueError, match="no fault 'typo'"):
        sandbox.faults.script(stage, "typo")
