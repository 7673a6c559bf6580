from __future__ import annotations

import itertools
from typing import Any

import pytest
import requests

from generations.sandbox import Sandbox, Task
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
