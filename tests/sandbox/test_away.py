from __future__ import annotations

import time

import pytest
import requests

from sandbox import Sandbox
from tests.sandbox.conftest import KEY, Receiver, poll, submit, wait_for


def _is_refused(sandbox: Sandbox) -> bool:
    try:
        requests.get(f"{sandbox.url}/v1/credits", headers=KEY, timeout=5)
    except requests.ConnectionError as error:
        return "refused" in str(error)
    return False


def test_it_refuses_while_it_is_away_and_comes_back_to_its_ports() -> None:
    with Sandbox(clusters=1, latency=(60, 60)) as sandbox:
        hosts, response = sandbox.hosts, submit(sandbox)
        sandbox.go_away()
        assert sandbox.is_away
        assert _is_refused(sandbox)
        with pytest.raises(requests.ConnectionError):
            poll(response)
        sandbox.advance(60)
        sandbox.come_back()
        assert sandbox.hosts == hosts
        assert poll(response)["status"] == "Ready"


def test_it_closes_connections_when_it_goes_away(sandbox: Sandbox) -> None:
    with requests.Session() as session:
        url = f"{sandbox.url}/v1/credits"
        session.get(url, headers=KEY, timeout=5)
        sandbox.go_away()
        with pytest.raises(requests.ConnectionError):
            session.get(url, headers=KEY, timeout=5)
        sandbox.come_back()
        assert session.get(url, headers=KEY, timeout=5).ok


def test_it_carries_out_what_was_in_flight(sandbox: Sandbox) -> None:
    sandbox.faults.script("submit", "hang", seconds=3000)
    with pytest.raises(requests.Timeout):
        requests.post(f"{sandbox.url}/v1/flux-dev", json={}, headers=KEY, timeout=0.2)
    sandbox.go_away()
    sandbox.advance(3000)
    wait_for(lambda: len(sandbox.tasks) == 1)


def test_it_sends_webhooks_once_it_is_back(sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.settings.latency = (6000, 6000)
    submit(sandbox, webhook_url=receiver.url)
    (task,) = sandbox.tasks.values()
    sandbox.go_away()
    sandbox.advance(600)
    time.sleep(0.1)  # time enough for a call that should not be made
    assert task.has_ended(sandbox.clock())
    assert not task.webhook_calls
    sandbox.come_back()
    wait_for(lambda: task.delivered_at)


def test_it_goes_and_comes_on_request(sandbox: Sandbox) -> None:
    url = f"{sandbox.url}/_sandbox/away"
    assert requests.post(url, json={"seconds": 3000}, timeout=5).ok
    wait_for(lambda: _is_refused(sandbox))
    sandbox.advance(3000)
    wait_for(lambda: not sandbox.is_away)
    assert submit(sandbox).status_code == 200
    assert requests.post(url, json={}, timeout=5).status_code == 422


def test_it_can_stop_while_it_is_away() -> None:
    with Sandbox() as sandbox:
        requests.post(f"{sandbox.url}/_sandbox/away", json={"seconds": 3000}, timeout=5)
        wait_for(lambda: sandbox.is_away)
    sandbox.come_back()
    assert _is_refused(sandbox)


def test_it_takes_no_notice_of_being_told_twice(sandbox: Sandbox) -> None:
    sandbox.come_back()
    sandbox.go_away()
    sandbox.go_away()
    sandbox.come_back()
    sandbox.come_back()
    assert submit(sandbox).status_code == 200
