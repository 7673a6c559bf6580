"""The control interface under /_sandbox/: what the Python methods do, for other processes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, fields, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sandbox.faults import read_fault
from sandbox.messages import Request, Response, detail, json_response
from sandbox.settings import Settings
from sandbox.tasks import Task

if TYPE_CHECKING:
    from sandbox.sandbox import Sandbox

PREFIX = "/_sandbox/"


def answer(sandbox: Sandbox, request: Request) -> Response:
    handler = _HANDLERS.get((request.method, request.path.removeprefix(PREFIX)))
    if handler is None:
        return detail(404, "Not Found")
    try:
        return handler(sandbox, request)
    except (ValueError, TypeError, ArithmeticError) as error:
        return detail(422, str(error))


def _get_state(sandbox: Sandbox, request: Request) -> Response:
    return json_response(sandbox.state())


def _get_requests(sandbox: Sandbox, request: Request) -> Response:
    return json_response([asdict(seen) for seen in list(sandbox.requests)])


def _get_faults(sandbox: Sandbox, request: Request) -> Response:
    return json_response(sandbox.faults.list())


def _add_fault(sandbox: Sandbox, request: Request) -> Response:
    sandbox.faults.add(read_fault(request.json))
    return _get_faults(sandbox, request)


def _clear_faults(sandbox: Sandbox, request: Request) -> Response:
    sandbox.faults.clear()
    return _get_faults(sandbox, request)


def _reset(sandbox: Sandbox, request: Request) -> Response:
    if request.body:
        sandbox.reset(int(_value(request, "seed")))
    else:
        sandbox.reset()
    return _get_state(sandbox, request)


def _change_settings(sandbox: Sandbox, request: Request) -> Response:
    values = request.json
    known = {setting.name for setting in fields(Settings)} - {"samples", "seed"}
    if not isinstance(values, dict) or values.keys() - known:
        raise ValueError(f"Settings are {', '.join(sorted(known))}.")
    if "credits" in values:
        sandbox.credits = Decimal(str(values.pop("credits")))
    for name, value in values.items():
        setattr(sandbox.settings, name, value)
    return _get_state(sandbox, request)


def _advance(sandbox: Sandbox, request: Request) -> Response:
    sandbox.advance(_value(request, "advance"))
    return _get_state(sandbox, request)


def _go_away(sandbox: Sandbox, request: Request) -> Response:
    seconds = _value(request, "seconds")
    return replace(_get_state(sandbox, request), afterwards=lambda: sandbox.be_away(seconds))


def _value(request: Request, name: str) -> float:
    values = request.json
    if not isinstance(values, dict) or values.keys() != {name}:
        raise ValueError(f"Wanted: an object with {name} alone.")
    return float(values[name])


_HANDLERS: dict[tuple[str, str], Callable[[Sandbox, Request], Response]] = {
    ("GET", "state"): _get_state,
    ("GET", "requests"): _get_requests,
    ("GET", "faults"): _get_faults,
    ("POST", "faults"): _add_fault,
    ("DELETE", "faults"): _clear_faults,
    ("POST", "reset"): _reset,
    ("POST", "settings"): _change_settings,
    ("POST", "clock"): _advance,
    ("POST", "away"): _go_away,
}


def describe(task: Task, now: float) -> dict[str, Any]:
    """A task as the state shows it: JSON, without input images."""
    return {
        "id": task.id,
        "ordinal": task.ordinal,
        "endpoint": task.endpoint.slug,
        "prompt": task.params["prompt"],
        "seed": task.seed,
        "status": task.status_at(now),
        "cost": float(task.cost),
        "latency": task.latency,
        "accepted_at": task.accepted_at,
        "ready_at": None if task.ready_at == float("inf") else task.ready_at,
        "downloaded_at": task.downloaded_at,
        "webhook_url": task.webhook_url,
        "delivered_at": task.delivered_at,
        "webhook_statuses": [call.status for call in task.webhook_calls],
        "webhook_kinds": [call.kind for call in task.webhook_calls],
    }
