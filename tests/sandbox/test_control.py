from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import requests

from sandbox import Sandbox
from tests.sandbox.conftest import finish, submit


def _control(sandbox: Sandbox, method: str, name: str, json: object = None) -> requests.Response:
    return requests.request(method, f"{sandbox.url}/_sandbox/{name}", json=json, timeout=5)


def test_it_takes_a_fault_over_http(sandbox: Sandbox) -> None:
    fault = {"stage": "submit", "kind": "answer", "status": 503, "times": 1}
    (listed,) = _control(sandbox, "POST", "faults", fault).json()
    assert listed["left"] == 1
    assert [submit(sandbox).status_code for _ in range(2)] == [503, 200]
    assert _control(sandbox, "GET", "faults").json()[0]["applied"] == 1


@pytest.mark.parametrize(
    "fault",
    [
        None,
        [],
        {"stage": "submit"},
        {"stage": "submit", "kind": "typo"},
        {"stage": "submit", "kind": "drop", "often": 1},
    ],
)
def test_it_refuses_a_fault_that_it_does_not_know(sandbox: Sandbox, fault: object) -> None:
    response = _control(sandbox, "POST", "faults", fault)
    assert response.status_code == 422
    assert response.json()["detail"]


def test_it_clears_faults(sandbox: Sandbox) -> None:
    sandbox.faults.script("submit", "drop", times=None)
    assert _control(sandbox, "DELETE", "faults").json() == []
    assert submit(sandbox).status_code == 200


def test_it_tells_its_state(sandbox: Sandbox) -> None:
    finish(submit(sandbox, prompt="a cat"))
    state: dict[str, Any] = _control(sandbox, "GET", "state").json()
    assert (state["credits"], state["active"], state["max_active_seen"]) == (997.5, {}, 1)
    assert state["requests"]["POST /v1/flux-dev 200"] == 1
    (task,) = state["tasks"]
    assert (task["endpoint"], task["prompt"], task["status"]) == ("flux-dev", "a cat", "Ready")


def test_it_tells_its_requests(sandbox: Sandbox) -> None:
    submit(sandbox)
    (seen,) = _control(sandbox, "GET", "requests").json()
    assert (seen["method"], seen["path"], seen["status"]) == ("POST", "/v1/flux-dev", 200)


def test_it_starts_anew(sandbox: Sandbox) -> None:
    sandbox.faults.script("submit", "drop", times=None, skip=1)
    submit(sandbox)
    _control(sandbox, "POST", "reset")
    assert (len(sandbox.tasks), len(sandbox.requests)) == (0, 0)
    assert sandbox.credits == 1000
    assert [submit(sandbox).status_code for _ in range(2)] == [200, 200]


def test_it_changes_settings(sandbox: Sandbox) -> None:
    values = {"credits": 3, "max_active": 1, "speed": 2, "latency": [60, 60]}
    assert _control(sandbox, "POST", "settings", values).json()["credits"] == 3
    assert [submit(sandbox).status_code for _ in range(2)] == [200, 402]
    assert _control(sandbox, "POST", "settings", {"colour": "red"}).status_code == 422


def test_it_needs_neither_django_nor_requests() -> None:
    program = (
        "import sys, sandbox.__main__;print({'django', 'requests', 'generations.bfl'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "set()"
