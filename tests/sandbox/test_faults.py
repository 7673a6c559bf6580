from __future__ import annotations

import io
import random
import socket
import time
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
import requests
from PIL import Image

from sandbox import Fault, Faults, Sandbox
from sandbox.faults import KINDS
from sandbox.tasks import kinds
from tests.sandbox.conftest import KEY, finish, poll, sample, submit


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


def _met(faults: Faults, prompts: list[str]) -> dict[str, list[list[Fault]]]:
    met: dict[str, list[list[Fault]]] = {}
    for prompt in prompts:
        met.setdefault(prompt, []).append(faults.take("submit", "flux-dev", prompt))
    return met


def _two_faults(seed: int) -> Faults:
    faults = Faults(seed)
    for status in (500, 503):
        faults.script("submit", "answer", status=status, probability=0.5, times=None)
    return faults


def test_it_throws_the_same_dice_in_whatever_order_prompts_come() -> None:
    prompts = [f"prompt {number}" for number in range(20)] * 3
    shuffled = random.Random(1).sample(prompts, len(prompts))
    met = _met(_two_faults(7), prompts)
    assert _met(_two_faults(7), shuffled) == met
    assert _met(_two_faults(8), prompts) != met


def test_it_throws_other_dice_for_each_fault_prompt_and_time() -> None:
    faults = _two_faults(7)
    for prompts in ([f"prompt {number}" for number in range(40)], ["the same"] * 40):
        met = [[fault.status for fault in taken] for taken in map(partial(_take, faults), prompts)]
        assert {tuple(statuses) for statuses in met} == {(), (500,), (503,), (500, 503)}


def _take(faults: Faults, prompt: str) -> list[Fault]:
    return faults.take("submit", "flux-dev", prompt)


def test_it_takes_a_new_seed_at_a_reset(sandbox: Sandbox) -> None:
    runs = []
    for seed in (1, 1, 2):
        requests.post(f"{sandbox.url}/_sandbox/reset", json={"seed": seed}, timeout=5)
        sandbox.faults.script("submit", "answer", probability=0.5, times=None)
        runs.append([submit(sandbox).status_code for _ in range(12)] + sandbox.latencies(1))
    assert runs[0] == runs[1] != runs[2]


def test_it_does_not_use_up_on_refused_submissions_what_is_for_a_task(sandbox: Sandbox) -> None:
    sandbox.faults.script("submit", "outcome", task_status="Failed")
    sandbox.faults.script("submit", "answer", accepted=True, status=504)
    sandbox.faults.script("webhook", "lost")
    hook = {"webhook_url": "http://127.0.0.1:9/"}
    assert submit(sandbox, width=1, **hook).status_code == 422
    assert submit(sandbox, **hook).status_code == 504
    (task,) = sandbox.tasks.values()
    assert (task.status, kinds(task.webhook_faults)) == ("Failed", {"lost"})


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


@pytest.mark.parametrize(("told", "status"), [({}, 404), ({"status": 200}, 200)])
def test_it_says_task_not_found_with_any_code(sandbox: Sandbox, told: dict[str, int], status: int) -> None:
    sandbox.faults.script("submit", "unknown", seconds=60, prompt="young", **told)
    sandbox.faults.script("poll", "not_found", **told)
    for prompt in ("young", "old"):
        url = submit(sandbox, prompt=prompt).json()["polling_url"]
        response = requests.get(url, timeout=5)
        assert (response.status_code, response.json()["status"]) == (status, "Task not found")


def test_it_tells_an_end_with_an_error_code_and_the_task(slow_sandbox: Sandbox) -> None:
    details = {"error": "because"}
    slow_sandbox.faults.script("submit", "outcome", task_status="Error", details=details, status=422)
    url = submit(slow_sandbox).json()["polling_url"]
    assert requests.get(url, timeout=5).status_code == 200
    slow_sandbox.advance(60)
    response = requests.get(url, timeout=5)
    assert (response.status_code, response.json()["details"]) == (422, details)


def test_it_reports_a_status_with_any_code(slow_sandbox: Sandbox) -> None:
    slow_sandbox.faults.script("poll", "status", task_status="Error", status=404)
    url = submit(slow_sandbox).json()["polling_url"]
    response = requests.get(url, timeout=5)
    assert (response.status_code, response.json()["status"]) == (404, "Error")
    assert requests.get(url, timeout=5).json()["status"] == "Pending"


def test_it_charges_another_price_and_says_so(slow_sandbox: Sandbox) -> None:
    slow_sandbox.faults.script("submit", "cost", cost=7.000000000000001)
    assert submit(slow_sandbox).json()["cost"] == 7.000000000000001
    assert slow_sandbox.credits == Decimal("992.999999999999999")


@pytest.mark.parametrize("status", [403, 503])
def test_it_does_not_tell_the_credits(sandbox: Sandbox, status: int) -> None:
    sandbox.faults.script("submit", "answer")
    sandbox.faults.script("credits", "answer", status=status, headers={"Retry-After": "3"})
    responses = [requests.get(f"{sandbox.url}/v1/credits", headers=KEY, timeout=5) for _ in range(2)]
    assert [response.status_code for response in responses] == [status, 200]
    assert responses[0].headers["Retry-After"] == "3"


def test_it_sends_a_download_elsewhere(sandbox: Sandbox) -> None:
    url = sample(submit(sandbox))
    headers = {"Location": "http://192.0.2.1/"}
    sandbox.faults.script("download", "answer", status=302, body="", headers=headers)
    response = requests.get(url, allow_redirects=False, timeout=5)
    assert (response.status_code, response.headers["Location"]) == (302, headers["Location"])


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
