from __future__ import annotations

import itertools
import socket
from typing import Any

import pytest
import requests

from sandbox import Sandbox, Task
from tests.sandbox.conftest import Receiver, submit, wait_for


def _submit(sandbox: Sandbox, receiver: Receiver, **params: Any) -> Task:
    secret = {"webhook_url": receiver.url, "webhook_secret": "hush"}
    response = submit(sandbox, **(secret | params))
    return sandbox.tasks[response.json()["id"]]


def test_it_calls_with_the_result_and_the_secret(sandbox: Sandbox, receiver: Receiver) -> None:
    task = _submit(sandbox, receiver)
    wait_for(lambda: task.delivered_at)
    ((payload, secret),) = receiver.calls
    assert (payload["task_id"], payload["status"], secret) == (task.id, "Ready", "hush")
    assert payload["result"]["prompt"] == "a lighthouse"
    assert requests.get(payload["result"]["sample"], timeout=5).ok


def test_it_sends_no_secret_where_none_was_given(sandbox: Sandbox, receiver: Receiver) -> None:
    _submit(sandbox, receiver, webhook_secret=None)
    ((_, secret),) = wait_for(lambda: receiver.calls)
    assert secret is None


def test_it_tells_of_moderation(sandbox: Sandbox, receiver: Receiver) -> None:
    _submit(sandbox, receiver, prompt="[content moderated]")
    ((payload, _),) = wait_for(lambda: receiver.calls)
    assert (payload["status"], payload["result"]) == ("Content Moderated", None)
    assert payload["details"]["Moderation Reasons"]


def test_it_tries_again_until_it_is_taken(sandbox: Sandbox, receiver: Receiver) -> None:
    receiver.statuses = [500, 404]
    task = _submit(sandbox, receiver)
    wait_for(lambda: task.delivered_at)
    assert [call.status for call in task.webhook_calls] == [500, 404, 204]


def test_it_gives_up_after_four_calls(sandbox: Sandbox, receiver: Receiver) -> None:
    receiver.statuses = [500] * 9
    task = _submit(sandbox, receiver)
    wait_for(lambda: len(receiver.calls) == 4)
    times = [call.at for call in task.webhook_calls]
    waits = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert all(wait >= least for wait, least in zip(waits, (0.01, 0.05, 0.3), strict=True))
    assert task.delivered_at is None


def test_it_calls_loopback_only(sandbox: Sandbox) -> None:
    response = submit(sandbox, webhook_url="http://192.0.2.1/hook")
    task = sandbox.tasks[response.json()["id"]]
    call = wait_for(lambda: task.webhook_calls)[0]
    assert (call.status, "loopback" in call.error) == (None, True)


def test_it_can_call_twice(sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.faults.script("webhook", "duplicated")
    _submit(sandbox, receiver)
    wait_for(lambda: receiver.statuses_received() == ["Ready", "Ready"])


def test_it_can_lose_a_call(sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.faults.script("webhook", "lost")
    lost, called = _submit(sandbox, receiver), _submit(sandbox, receiver)
    wait_for(lambda: called.delivered_at)
    assert lost.webhook_calls == []


def test_it_can_call_late(sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.faults.script("webhook", "late", seconds=0.2)
    task = _submit(sandbox, receiver)
    wait_for(lambda: task.delivered_at)
    assert task.webhook_calls[0].at - task.ready_at >= 0.2


def test_it_can_call_before_it_answers(sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.faults.script("webhook", "early")
    sandbox.faults.script("submit", "drop", accepted=True)
    with pytest.raises(requests.ConnectionError):
        _submit(sandbox, receiver)
    assert receiver.statuses_received() == ["Ready"]


def test_it_can_send_the_old_payload(sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.faults.script("webhook", "old_payload", times=2)
    _submit(sandbox, receiver)
    _submit(sandbox, receiver, prompt="[error]")
    wait_for(lambda: len(receiver.calls) == 2)
    assert set(receiver.statuses_received()) == {"SUCCESS", "FAILED"}


@pytest.mark.parametrize(("kind", "secret"), [("wrong_secret", "not-the-secret"), ("no_secret", None)])
def test_it_can_forge(sandbox: Sandbox, receiver: Receiver, kind: str, secret: str | None) -> None:
    sandbox.faults.script("webhook", kind)
    _submit(sandbox, receiver)
    assert wait_for(lambda: receiver.calls)[0][1] == secret


def test_it_can_leave_the_result_out(sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.faults.script("webhook", "no_result")
    _submit(sandbox, receiver)
    payload = wait_for(lambda: receiver.calls)[0][0]
    assert (payload["status"], payload["result"]) == ("Ready", None)


@pytest.mark.parametrize(("seconds", "order"), [(0.0, ["PENDING", "Ready"]), (0.2, ["Ready", "PENDING"])])
def test_it_can_tell_of_progress_even_too_late(
    sandbox: Sandbox, receiver: Receiver, seconds: float, order: list[str]
) -> None:
    sandbox.settings.latency = (40, 40)
    sandbox.faults.script("webhook", "progress", seconds=seconds)
    _submit(sandbox, receiver)
    wait_for(lambda: receiver.statuses_received() == order)


BESIDES = ["forged", "oversized", "malformed", "foreign"]


def _statuses_by_kind(task: Task) -> dict[str, list[int | None]]:
    kinds: dict[str, list[int | None]] = {}
    for call in task.webhook_calls:
        kinds.setdefault(call.kind, []).append(call.status)
    return kinds


def test_it_can_forge_a_result(sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.faults.script("webhook", "forged")
    task = _submit(sandbox, receiver)
    wait_for(lambda: task.delivered_at)
    (forged, secret), (true, right) = receiver.calls
    assert (secret, right) == ("not-the-secret", "hush")
    assert (forged["task_id"], forged["status"]) == (task.id, "Ready")
    assert forged["result"]["sample"] == "http://192.0.2.1/results/sample.jpeg"
    assert true["result"]["sample"].startswith(sandbox.url)


def test_it_can_forge_any_address(sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.faults.script("webhook", "forged", url="http://127.0.0.1:9/")
    _submit(sandbox, receiver)
    assert wait_for(lambda: receiver.calls)[0][0]["result"]["sample"] == "http://127.0.0.1:9/"


@pytest.mark.parametrize(("told", "size"), [({}, 300_000), ({"size": 65_537}, 65_537)])
def test_it_can_send_too_much(sandbox: Sandbox, receiver: Receiver, told: dict[str, int], size: int) -> None:
    sandbox.faults.script("webhook", "oversized", **told)
    task = _submit(sandbox, receiver)
    wait_for(lambda: task.delivered_at)
    assert receiver.sizes[0] == size > 65_536 > receiver.sizes[1]
    assert receiver.calls[0] == receiver.calls[1]
    assert _statuses_by_kind(task) == {"oversized": [413], "true": [204]}


def test_it_can_send_no_json(sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.faults.script("webhook", "malformed")
    task = _submit(sandbox, receiver)
    wait_for(lambda: task.delivered_at)
    assert _statuses_by_kind(task) == {"malformed": [400], "true": [204]}
    assert {call.secret for call in task.webhook_calls} == {"hush"}


def test_it_can_name_another_task(sandbox: Sandbox, receiver: Receiver) -> None:
    other = submit(sandbox).json()["id"]
    sandbox.faults.script("webhook", "foreign")
    task = _submit(sandbox, receiver)
    wait_for(lambda: task.delivered_at)
    (foreign, secret), (true, _) = receiver.calls
    assert (foreign["task_id"], true["task_id"], secret) == (other, task.id, "hush")


@pytest.mark.parametrize("kind", BESIDES)
def test_it_sends_no_second_call_of_a_kind_that_was_refused(
    sandbox: Sandbox, receiver: Receiver, kind: str
) -> None:
    receiver.statuses = [500] * 3
    sandbox.faults.script("webhook", kind)
    task = _submit(sandbox, receiver)
    wait_for(lambda: task.delivered_at)
    assert len(_statuses_by_kind(task)[kind]) == 1


@pytest.mark.parametrize("kind", BESIDES)
def test_it_can_send_a_false_call_where_the_true_one_is_lost(
    sandbox: Sandbox, receiver: Receiver, kind: str
) -> None:
    sandbox.faults.script("webhook", kind)
    sandbox.faults.script("webhook", "lost", times=None)
    task, last = _submit(sandbox, receiver), _submit(sandbox, receiver)
    wait_for(lambda: task.webhook_calls and task.webhook_calls[0].status)
    assert [call.kind for call in task.webhook_calls] == [kind]
    assert not last.webhook_calls


def test_it_can_send_false_calls_after_the_true_one(sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.settings.latency = (6000, 6000)
    for kind in BESIDES:
        sandbox.faults.script("webhook", kind, seconds=100)
    task = _submit(sandbox, receiver)
    sandbox.advance(60)
    wait_for(lambda: task.delivered_at)
    assert [call.kind for call in task.webhook_calls] == ["true"]
    sandbox.advance(100)
    wait_for(lambda: len(task.webhook_calls) == 5)
    assert {call.kind for call in task.webhook_calls[1:]} == set(BESIDES)


@pytest.mark.parametrize("timing", ["early", "late", "duplicated"])
def test_it_can_do_everything_at_once(sandbox: Sandbox, receiver: Receiver, timing: str) -> None:
    for kind in (*BESIDES, "chunked", "old_payload", timing):
        sandbox.faults.script("webhook", kind, seconds=0.05 if kind == "late" else 0)
    task = _submit(sandbox, receiver)
    count = 2 if timing == "duplicated" else 1
    wait_for(lambda: [call.status for call in task.webhook_calls].count(204) == count + 2)
    assert [call.kind for call in task.webhook_calls] == BESIDES + ["true"] * count
    assert _statuses_by_kind(task)["oversized"] == [413]
    assert set(receiver.encodings) == {"chunked"}
    assert receiver.statuses_received()[1:] == ["SUCCESS"] * (count + 2)
    assert receiver.sizes[1] == 300_000


def test_it_can_call_early_and_twice(sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.faults.script("webhook", "early")
    sandbox.faults.script("webhook", "duplicated")
    sandbox.faults.script("submit", "drop", accepted=True)
    with pytest.raises(requests.ConnectionError):
        _submit(sandbox, receiver)
    assert receiver.statuses_received() == ["Ready", "Ready"]


def test_it_can_send_the_old_payload_without_a_result(sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.faults.script("webhook", "old_payload")
    sandbox.faults.script("webhook", "no_result")
    _submit(sandbox, receiver)
    payload = wait_for(lambda: receiver.calls)[0][0]
    assert (payload["status"], payload["result"]) == ("SUCCESS", None)


def test_it_can_call_with_any_status(sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.faults.script("webhook", "status", task_status="Daydreaming", details={"of": "sheep"})
    task = _submit(sandbox, receiver)
    payload = wait_for(lambda: receiver.calls)[0][0]
    expected = {"status": "Daydreaming", "details": {"of": "sheep"}, "result": None}
    assert payload == {"task_id": task.id} | expected
    assert task.status == "Ready"


@pytest.mark.parametrize("kinds", [["oversized"], ["oversized", "chunked"]])
def test_it_hears_an_answer_that_comes_before_all_is_sent(sandbox: Sandbox, kinds: list[str]) -> None:
    for kind in (*kinds, "lost"):
        sandbox.faults.script("webhook", kind, size=30_000_000)
    with socket.create_server(("127.0.0.1", 0)) as server:
        submit(sandbox, webhook_url=f"http://127.0.0.1:{server.getsockname()[1]}/")
        connection, _ = server.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
    (task,) = sandbox.tasks.values()
    call = task.webhook_calls[0]
    wait_for(lambda: call.status or call.error)
    assert (call.kind, call.status) == ("oversized", 413)
