"""What BFL answers under /v1."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from generations.sandbox import delivery
from generations.sandbox.endpoints import ENDPOINTS, Endpoint
from generations.sandbox.faults import Fault
from generations.sandbox.messages import Request, Response, detail, json_response, scripted
from generations.sandbox.tasks import READY, NoCredits, Task, TooManyActive
from generations.sandbox.validation import Invalid, Refused, validate

if TYPE_CHECKING:
    from generations.sandbox.sandbox import Sandbox

_POLLS_PER_SECOND = 1200


def answer(sandbox: Sandbox, request: Request) -> Response:
    path = request.path
    if path.startswith("/results/"):
        return download(sandbox, request)
    handlers = {"/v1/get_result": ("GET", get_result), "/v1/credits": ("GET", get_credits)}
    handlers |= {f"/v1/{slug}": ("POST", submit) for slug in ENDPOINTS}
    if path not in handlers:
        return detail(404, "Not Found")
    method, handler = handlers[path]
    return handler(sandbox, request) if request.method == method else _wrong_method(method)


def _wrong_method(allowed: str) -> Response:
    return replace(detail(405, "Method Not Allowed"), headers={"Allow": allowed})


def _has_key(sandbox: Sandbox, request: Request) -> bool:
    return request.key == sandbox.settings.key


def _forbidden() -> Response:
    return detail(403, "Not authenticated - Invalid Authentication")


def get_credits(sandbox: Sandbox, request: Request) -> Response:
    if not _has_key(sandbox, request):
        return _forbidden()
    return json_response({"credits": float(sandbox.credits)})


def submit(sandbox: Sandbox, request: Request) -> Response:
    endpoint = ENDPOINTS[request.path.removeprefix("/v1/")]
    prompt = _prompt_of(request)
    faults = sandbox.faults.take("submit", endpoint.slug, prompt)
    if early := _apply(sandbox, [fault for fault in faults if not fault.accepted]):
        return early
    if not _has_key(sandbox, request):
        return _forbidden()
    response = _accept(sandbox, request, endpoint, faults)
    if response.status != 200:
        return response
    return _apply(sandbox, [fault for fault in faults if fault.accepted]) or response


def _prompt_of(request: Request) -> str:
    body = request.json
    return str(body.get("prompt") or "") if isinstance(body, dict) else ""


def _apply(sandbox: Sandbox, faults: list[Fault]) -> Response | None:
    """Wait where a fault says so, and give the answer that takes the place of the right one."""
    for fault in faults:
        if fault.kind == "hang":
            sandbox.wait(fault.seconds)
        elif fault.kind == "drop":
            return Response(is_dropped=True)
        elif fault.kind == "answer":
            return scripted(fault.status, fault.body, fault.headers)
    return None


def _accept(sandbox: Sandbox, request: Request, endpoint: Endpoint, faults: list[Fault]) -> Response:
    try:
        content_type = request.headers.get("content-type", "")
        params = validate(endpoint.fields, content_type, request.body)
        task = sandbox.accept(endpoint, params, request.cluster, faults)
    except Refused as refused:
        return detail(422, refused.errors)
    except NoCredits:
        return detail(402, "Insufficient credits")
    except TooManyActive:
        # Nobody has recorded the words; BFL promises no Retry-After.
        return detail(429, "Too many active tasks")
    return _accepted(sandbox, task)


def _accepted(sandbox: Sandbox, task: Task) -> Response:
    body: dict[str, Any] = {"id": task.id}
    if task.webhook_url:
        body |= {"status": task.status_at(time.time()), "webhook_url": task.webhook_url}
    else:
        body["polling_url"] = f"{sandbox.address(task.cluster)}/v1/get_result?id={task.id}"
    # The price is only echoed by FLUX.2.
    body |= {"cost": None, "input_mp": None, "output_mp": None}
    return json_response(body, 200, X_Azure_Ref=task.id[:8], X_Cache="CONFIG_NOCACHE")


def get_result(sandbox: Sandbox, request: Request) -> Response:
    # No key is asked for: whoever has the id may ask.
    task_id = request.query.get("id")
    if task_id is None:
        error = Invalid("missing", "Field required").describe(["query", "id"], None)
        return detail(422, [error])
    task = sandbox.find(task_id, request.cluster)
    faults = _poll_faults(sandbox, task)
    if answered := _apply(sandbox, faults):
        return answered
    if task is None or any(fault.kind == "not_found" for fault in faults):
        return _limited(sandbox, 404, _body(task_id, "Task not found"))
    body = _result_body(sandbox, task)
    for fault in faults:
        if fault.kind == "status":
            body |= {"status": fault.task_status, "details": fault.details, "result": None}
    return _limited(sandbox, 200, body)


def _poll_faults(sandbox: Sandbox, task: Task | None) -> list[Fault]:
    if task is None:
        return []
    return sandbox.faults.take("poll", task.endpoint.slug, task.params["prompt"] or "")


def _result_body(sandbox: Sandbox, task: Task) -> dict[str, Any]:
    now = time.time()
    if not task.has_ended(now):
        return _body(task.id, task.status_at(now), progress=task.progress_at(now))
    sandbox.renew_link(task)
    return _body(task.id, task.status, result=result_of(sandbox, task), details=task.details)


def _body(task_id: str, status: str, **values: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"id": task_id, "status": status}
    return body | {name: values.get(name) for name in ("result", "progress", "details", "preview")}


def _limited(sandbox: Sandbox, status: int, body: Mapping[str, Any]) -> Response:
    remaining, reset_at = sandbox.count_poll(_POLLS_PER_SECOND)
    return json_response(
        body,
        status,
        Retry_After="1",
        X_Ratelimit_Limit=str(_POLLS_PER_SECOND),
        X_Ratelimit_Remaining=str(remaining),
        X_Ratelimit_Reset=str(reset_at),
    )


def result_of(sandbox: Sandbox, task: Task) -> dict[str, Any] | None:
    if task.status != READY:
        return None
    sample = {"sample": sandbox.sample_url(task)} if task.has_sample else {}
    return sample | {
        "prompt": task.prompt,
        "seed": task.seed,
        "start_time": task.started_at,
        "end_time": task.ready_at,
        "duration": task.ready_at - task.started_at,
    }


def download(sandbox: Sandbox, request: Request) -> Response:
    task = sandbox.find_by_path(request.path)
    if task is None or not delivery.has_picture(task, time.time()):
        return delivery.not_there()
    faults = sandbox.faults.take("download", task.endpoint.slug, task.params["prompt"] or "")
    return _apply(sandbox, faults) or sandbox.delivery.answer(request, task, faults)
