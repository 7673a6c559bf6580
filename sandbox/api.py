"""What BFL answers under /v1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sandbox import delivery
from sandbox.endpoints import ENDPOINTS, Endpoint
from sandbox.faults import Fault
from sandbox.messages import Request, Response, Seen, detail, json_response, scripted
from sandbox.tasks import READY, NoCredits, Task, TooManyActive
from sandbox.validation import Invalid, Refused, validate

if TYPE_CHECKING:
    from sandbox.sandbox import Sandbox

_POLLS_PER_SECOND = 1200


def answer(sandbox: Sandbox, request: Request, seen: Seen) -> Response:
    path = request.path
    if path.startswith("/results/"):
        return download(sandbox, request, seen)
    handlers = {"/v1/get_result": ("GET", get_result), "/v1/credits": ("GET", get_credits)}
    handlers |= {f"/v1/{slug}": ("POST", submit) for slug in ENDPOINTS}
    if path not in handlers:
        return detail(404, "Not Found")
    method, handler = handlers[path]
    return handler(sandbox, request, seen) if request.method == method else _wrong_method(method)


def _wrong_method(allowed: str) -> Response:
    return replace(detail(405, "Method Not Allowed"), headers={"Allow": allowed})


def _has_key(sandbox: Sandbox, request: Request) -> bool:
    return request.key == sandbox.settings.key


def _forbidden() -> Response:
    return detail(403, "Not authenticated - Invalid Authentication")


def get_credits(sandbox: Sandbox, request: Request, seen: Seen) -> Response:
    if told := _apply(sandbox, sandbox.faults.take("credits", "", ""), seen):
        return told
    if not _has_key(sandbox, request):
        return _forbidden()
    return json_response({"credits": float(sandbox.credits)})


def submit(sandbox: Sandbox, request: Request, seen: Seen) -> Response:
    endpoint = ENDPOINTS[request.path.removeprefix("/v1/")]
    faults = sandbox.faults.take("submit", endpoint.slug, _prompt_of(request))
    if told := _apply(sandbox, faults, seen):
        return told
    if not _has_key(sandbox, request):
        return _forbidden()
    return _accept(sandbox, request, endpoint, seen)


def _prompt_of(request: Request) -> str:
    body = request.json
    return str(body.get("prompt") or "") if isinstance(body, dict) else ""


def _apply(sandbox: Sandbox, faults: list[Fault], seen: Seen) -> Response | None:
    """Wait where a fault says so, and give the answer that takes the place of the right one."""
    for fault in faults:
        if fault.kind == "hang":
            until = sandbox.clock() + fault.seconds
            seen.fault = "hang"
            sandbox.clock.wait_until(until)
            seen.fault = None
        elif fault.kind == "drop":
            seen.fault = "drop"
            return Response(is_dropped=True)
        elif fault.kind == "answer":
            seen.fault = "answer"
            return scripted(fault.status or 500, fault.body, fault.headers)
    return None


def _accept(sandbox: Sandbox, request: Request, endpoint: Endpoint, seen: Seen) -> Response:
    try:
        content_type = request.headers.get("content-type", "")
        params = validate(endpoint.fields, content_type, request.body)
        task = sandbox.accept(endpoint, params, request.cluster, seen)
    except Refused as refused:
        return detail(422, refused.errors)
    except NoCredits:
        return detail(402, "Insufficient credits")
    except TooManyActive:
        # Nobody has recorded the words; BFL promises no Retry-After.
        return detail(429, "Too many active tasks")
    response = _accepted(sandbox, task)
    return _apply(sandbox, task.faults, seen) or response


def _accepted(sandbox: Sandbox, task: Task) -> Response:
    body: dict[str, Any] = {"id": task.id}
    if task.webhook_url:
        body |= {"status": task.status_at(sandbox.clock()), "webhook_url": task.webhook_url}
    else:
        body["polling_url"] = f"{sandbox.address(task.cluster)}/v1/get_result?id={task.id}"
    # BFL names the price for FLUX.2 only.
    body |= {"cost": task.named_cost, "input_mp": None, "output_mp": None}
    return json_response(body, 200, X_Azure_Ref=task.id[:8], X_Cache="CONFIG_NOCACHE")


def get_result(sandbox: Sandbox, request: Request, seen: Seen) -> Response:
    # No key is asked for: whoever has the id may ask.
    task_id = request.query.get("id")
    if task_id is None:
        error = Invalid("missing", "Field required").describe(["query", "id"], None)
        return detail(422, [error])
    seen.task_id = task_id if task_id in sandbox.tasks else None
    task = sandbox.find(task_id, request.cluster)
    if task is None:
        return _not_found(sandbox, task_id, 404)
    if sandbox.clock() < task.unknown_until:
        seen.fault = "unknown"
        return _not_found(sandbox, task_id, task.unknown_with)
    return _get_result_of(sandbox, task, seen)


def _get_result_of(sandbox: Sandbox, task: Task, seen: Seen) -> Response:
    faults = sandbox.faults.take("poll", task.endpoint.slug, task.params["prompt"] or "")
    if told := _apply(sandbox, faults, seen):
        return told
    status, body = _result(sandbox, task)
    for fault in faults:
        if fault.kind == "not_found":
            seen.fault = fault.kind
            return _not_found(sandbox, task.id, fault.status or 404)
        if fault.kind == "status":
            seen.fault, status = fault.kind, fault.status or 200
            body |= {"status": fault.task_status, "details": fault.details, "result": None}
    return _limited(sandbox, status, body)


def _result(sandbox: Sandbox, task: Task) -> tuple[int, dict[str, Any]]:
    now = sandbox.clock()
    if not task.has_ended(now):
        return 200, _body(task.id, task.status_at(now), progress=task.progress_at(now))
    sandbox.renew_link(task)
    result = result_of(sandbox, task)
    return task.ends_with, _body(task.id, task.status, result=result, details=task.details)


def _not_found(sandbox: Sandbox, task_id: str, status: int) -> Response:
    return _limited(sandbox, status, _body(task_id, "Task not found"))


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


def download(sandbox: Sandbox, request: Request, seen: Seen) -> Response:
    task = sandbox.find_by_path(request.path)
    if task is None or not delivery.has_picture(task, sandbox.clock()):
        return delivery.not_there()
    seen.task_id = task.id
    faults = sandbox.faults.take("download", task.endpoint.slug, task.params["prompt"] or "")
    return _apply(sandbox, faults, seen) or sandbox.delivery.answer(request, task, faults, seen)
