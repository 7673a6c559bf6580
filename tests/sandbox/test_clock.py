from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import requests

from sandbox import Sandbox, Task
from tests.sandbox.conftest import Receiver, poll, sample, submit, wait_for


def _advance(sandbox: Sandbox, value: object) -> requests.Response:
    return requests.post(f"{sandbox.url}/_sandbox/clock", json={"advance": value}, timeout=5)


def test_it_ends_tasks_when_it_jumps(slow_sandbox: Sandbox) -> None:
    response = submit(slow_sandbox)
    assert poll(response)["status"] == "Pending"
    slow_sandbox.advance(60)
    assert poll(response)["status"] == "Ready"
    assert slow_sandbox.active == {}


def test_it_lets_links_run_out_when_it_jumps(sandbox: Sandbox) -> None:
    url = sample(submit(sandbox))
    assert requests.get(url, timeout=5).status_code == 200
    assert _advance(sandbox, 900).json()["now"] >= time.time() + 899
    assert requests.get(url, timeout=5).status_code == 403
    assert sandbox.requests[-1].fault is None


def test_it_signs_again_by_the_same_clock(sandbox: Sandbox) -> None:
    sandbox.settings.renews_links = True
    response = submit(sandbox)
    sample(response)
    sandbox.advance(900)
    assert requests.get(sample(response), timeout=5).status_code == 200


def test_it_makes_webhooks_due_when_it_jumps(slow_sandbox: Sandbox, receiver: Receiver) -> None:
    submit(slow_sandbox, webhook_url=receiver.url)
    (task,) = slow_sandbox.tasks.values()
    slow_sandbox.advance(60)
    wait_for(lambda: task.delivered_at)
    assert task.webhook_calls[0].at >= task.ready_at


def test_it_tries_webhooks_again_when_it_jumps(slow_sandbox: Sandbox, receiver: Receiver) -> None:
    receiver.statuses = [500, 500, 500]
    submit(slow_sandbox, webhook_url=receiver.url)
    (task,) = slow_sandbox.tasks.values()
    for number, seconds in enumerate((60, 1, 5, 30)):
        slow_sandbox.advance(seconds)
        wait_for(partial(_is_answered, task, number))
    assert [call.status for call in task.webhook_calls] == [500, 500, 500, 204]


def _is_answered(task: Task, number: int) -> bool:
    return len(task.webhook_calls) > number and task.webhook_calls[number].status is not None


def test_it_wakes_what_hangs_when_it_jumps(sandbox: Sandbox) -> None:
    sandbox.faults.script("submit", "hang", seconds=3000)
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(submit, sandbox)
        wait_for(lambda: sandbox.waiting)
        sandbox.advance(2000)
        assert sandbox.waiting
        sandbox.advance(1000)
        assert answer.result().status_code == 200


def test_it_sends_the_rest_of_a_slow_picture_when_it_jumps(sandbox: Sandbox) -> None:
    url = sample(submit(sandbox))
    sandbox.faults.script("download", "slow", seconds=2000)
    with requests.get(url, stream=True, timeout=5) as response:
        sandbox.advance(2000)
        assert len(response.content) == int(response.headers["Content-Length"])


def test_it_dates_requests_by_the_same_clock(sandbox: Sandbox) -> None:
    sandbox.advance(5000)
    submit(sandbox)
    (task,) = sandbox.tasks.values()
    assert sandbox.requests[-1].at >= time.time() + 4990
    assert task.accepted_at >= sandbox.requests[-1].at


@pytest.mark.parametrize("value", [-1, "soon", None, float("inf")])
def test_it_does_not_go_back(sandbox: Sandbox, value: object) -> None:
    if value == float("inf"):
        response = requests.post(f"{sandbox.url}/_sandbox/clock", b'{"advance": Infinity}', timeout=5)
    else:
        response = _advance(sandbox, value)
    assert response.status_code == 422
    assert abs(sandbox.clock() - time.time()) < 1


def test_it_ends_all_waiting_when_it_stops() -> None:
    with Sandbox() as sandbox:
        waiting = threading.Thread(target=sandbox.clock.wait_until, args=(time.time() + 3000,), daemon=True)
        waiting.start()
    waiting.join(5)
    assert not waiting.is_alive()


def test_it_keeps_every_task_but_answers_for_an_hour(sandbox: Sandbox) -> None:
    response = submit(sandbox, "flux-kontext-pro", prompt="old", input_image="aGk=")
    sandbox.advance(4000)
    submit(sandbox, prompt="new")
    assert requests.get(response.json()["polling_url"], timeout=5).status_code == 404
    assert list(sandbox.submissions) == ["old", "new"]
    assert sandbox.submissions["old"][0].params["input_image"] is None
