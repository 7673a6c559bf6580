"""What a proof reads off the sandbox: who asked, what made the answer, which tasks there were."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from sandbox import Sandbox
from tests.sandbox.conftest import KEY, SMALL, poll, sample, submit, wait_for


def _submit_and_leave(sandbox: Sandbox) -> None:
    """Post, wait until the sandbox has the request, and be gone without an answer."""
    body = b'{"prompt": "left alone"}'
    head = f"POST /v1/flux-dev HTTP/1.1\r\nX-Key: sandbox-key\r\nContent-Length: {len(body)}\r\n"
    with socket.create_connection(_address(sandbox)) as client:
        client.sendall(head.encode() + b"Content-Type: application/json\r\n\r\n" + body)
        wait_for(lambda: [seen for seen in list(sandbox.waiting) if seen.fault == "hang"])


def _address(sandbox: Sandbox) -> tuple[str, int]:
    host, _, port = sandbox.hosts[0].partition(":")
    return host, int(port)


def test_it_tells_an_honest_429_from_a_scripted_one(slow_sandbox: Sandbox) -> None:
    slow_sandbox.settings.max_active = 1
    slow_sandbox.faults.script("submit", "answer", status=429)
    for _ in range(3):
        submit(slow_sandbox)
    lines = [(seen.status, seen.fault) for seen in slow_sandbox.requests]
    assert lines == [(429, "answer"), (200, None), (429, None)]


def test_it_calls_an_answer_honest_that_only_came_late(sandbox: Sandbox) -> None:
    sandbox.faults.script("submit", "hang", seconds=0.01)
    submit(sandbox)
    (seen,) = sandbox.requests
    assert (seen.status, seen.fault) == (200, None)


def test_it_names_the_task_of_every_line(sandbox: Sandbox) -> None:
    response = submit(sandbox)
    requests.get(sample(response), timeout=5)
    requests.get(f"{sandbox.url}/v1/get_result?id=unknown", timeout=5)
    submit(sandbox, width=1)
    *about_it, unknown, refused = [seen.task_id for seen in sandbox.requests]
    assert set(about_it) == {response.json()["id"]}
    assert (unknown, refused) == (None, None)


@pytest.mark.parametrize("kind", ["not_found", "status", "answer"])
def test_it_names_the_fault_of_a_poll(sandbox: Sandbox, kind: str) -> None:
    sandbox.faults.script("poll", kind)
    requests.get(submit(sandbox).json()["polling_url"], timeout=5)
    assert sandbox.requests[-1].fault == kind


def test_it_names_the_fault_of_a_task_that_is_not_known_yet(sandbox: Sandbox) -> None:
    sandbox.faults.script("submit", "unknown", seconds=60)
    response = submit(sandbox)
    poll(response)
    last = sandbox.requests[-1]
    assert (last.status, last.fault, last.task_id) == (404, "unknown", response.json()["id"])


@pytest.mark.parametrize("kind", ["expired", "not_a_picture", "truncated"])
def test_it_names_the_fault_of_a_download(sandbox: Sandbox, kind: str) -> None:
    url = sample(submit(sandbox))
    sandbox.faults.script("download", kind)
    try:
        requests.get(url, timeout=5)
    except requests.exceptions.ChunkedEncodingError:
        assert kind == "truncated"
    requests.get(url.replace("sig=", "sig=x"), timeout=5)
    assert [seen.fault for seen in list(sandbox.requests)[-2:]] == [kind, None]


def test_it_logs_a_download_before_the_body_is_out(sandbox: Sandbox) -> None:
    url = sample(submit(sandbox))
    sandbox.faults.script("download", "slow", seconds=3000)
    with requests.get(url, stream=True, timeout=5):
        last = sandbox.requests[-1]
        assert (last.status, last.fault, last.path.startswith("/results/")) == (200, "slow", True)


def test_it_takes_nothing_from_a_client_killed_before_acceptance(sandbox: Sandbox) -> None:
    sandbox.faults.script("submit", "hang", seconds=3000)
    sandbox.faults.script("submit", "drop")
    _submit_and_leave(sandbox)
    (line,) = sandbox.requests
    assert (line.status, line.task_id) == (None, None)
    sandbox.advance(3000)
    wait_for(lambda: not sandbox.waiting)
    assert (line.status, line.fault) == (None, "drop")
    assert not sandbox.tasks
    assert sandbox.credits == 1000


def test_it_keeps_the_task_of_a_client_killed_after_acceptance(sandbox: Sandbox) -> None:
    sandbox.faults.script("submit", "hang", accepted=True, seconds=300)
    _submit_and_leave(sandbox)
    (line,) = sandbox.requests
    ((task,),) = sandbox.submissions.values()
    assert (line.status, line.task_id) == (None, task.id)
    sandbox.advance(300)
    wait_for(lambda: not sandbox.waiting)
    assert sandbox.submissions == {"left alone": [task]}
    assert requests.get(sandbox.sample_url(task), timeout=5).ok


def test_it_hears_nothing_from_a_client_killed_in_mid_sentence(sandbox: Sandbox) -> None:
    with socket.create_connection(_address(sandbox)) as client:
        client.sendall(b"POST /v1/flux-dev HTTP/1.1\r\nContent-Length: 99\r\n\r\n{")
        client.shutdown(socket.SHUT_WR)
        assert client.recv(100) == b""
    assert not sandbox.requests


def test_it_lists_submissions_by_prompt(sandbox: Sandbox) -> None:
    ids = [submit(sandbox, prompt=prompt).json()["id"] for prompt in ("a cat", "a dog", "a cat")]
    found = {prompt: [task.id for task in tasks] for prompt, tasks in sandbox.submissions.items()}
    assert found == {"a cat": [ids[0], ids[2]], "a dog": [ids[1]]}


def test_it_works_out_the_most_active_from_their_times(sandbox: Sandbox) -> None:
    for seconds, slug in ((30, "flux-dev"), (10, "flux-pro"), (0, "flux-pro")):
        sandbox.faults.script("submit", "latency", seconds=seconds)
        submit(sandbox, slug)
    sandbox.faults.script("submit", "never")
    sandbox.advance(20)
    submit(sandbox, "flux-kontext-max")
    assert sandbox.most_active() == 2
    assert sandbox.most_active("flux-pro") == sandbox.most_active("flux-kontext-max") == 1
    assert sandbox.most_active("flux-pro-1.1") == 0


def test_it_works_out_a_breach_that_its_limit_let_happen(slow_sandbox: Sandbox) -> None:
    slow_sandbox.settings.max_active = 99
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: submit(slow_sandbox), range(30)))
    assert slow_sandbox.most_active() == 30


def test_it_counts_every_request_of_many_threads(sandbox: Sandbox) -> None:
    with ThreadPoolExecutor(8) as pool:
        url = f"{sandbox.url}/v1/credits"
        list(pool.map(lambda _: requests.get(url, headers=KEY, timeout=5), range(80)))
    assert sandbox.request_counts == {"GET /v1/credits 200": 80}
    assert len(sandbox.requests) == 80


def test_it_logs_bodies_as_they_came(sandbox: Sandbox) -> None:
    submit(sandbox)
    assert sandbox.requests[0].body == SMALL
