from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import requests

from sandbox import Sandbox
from tests.sandbox.conftest import KEY, SMALL, finish, submit, wait_for


def test_it_answers_with_an_id_and_a_polling_url(sandbox: Sandbox) -> None:
    body = submit(sandbox).json()
    task_id = body["id"]
    assert body == {
        "id": task_id,
        "polling_url": f"{sandbox.url}/v1/get_result?id={task_id}",
        "cost": None,
        "input_mp": None,
        "output_mp": None,
    }


def test_it_leaves_the_polling_url_out_where_a_webhook_is_asked_for(sandbox: Sandbox) -> None:
    body = submit(sandbox, webhook_url="http://127.0.0.1:9/hook").json()
    assert list(body) == ["id", "status", "webhook_url", "cost", "input_mp", "output_mp"]
    assert body["webhook_url"] == "http://127.0.0.1:9/hook"


@pytest.mark.parametrize("headers", [{}, {"x-key": "wrong"}, {"Authorization": "sandbox-key"}])
def test_it_refuses_other_keys(sandbox: Sandbox, headers: dict[str, str]) -> None:
    url = f"{sandbox.url}/v1/flux-dev"
    response = requests.post(url, json=SMALL, headers=headers, timeout=5)
    assert response.status_code == 403
    assert response.json() == {"detail": "Not authenticated - Invalid Authentication"}
    assert not sandbox.tasks


def test_it_knows_six_endpoints_and_no_others(sandbox: Sandbox) -> None:
    slugs = ["kontext-pro", "kontext-max", "pro-1.1-ultra", "pro-1.1", "pro", "dev"]
    assert {submit(sandbox, f"flux-{slug}").status_code for slug in slugs} == {200}
    response = submit(sandbox, "flux-2-pro")
    assert (response.status_code, response.json()) == (404, {"detail": "Not Found"})


def test_it_answers_405_to_another_method(sandbox: Sandbox) -> None:
    response = requests.get(f"{sandbox.url}/v1/flux-dev", headers=KEY, timeout=5)
    assert response.status_code == 405
    assert response.headers["Allow"] == "POST"


PRICES = {
    "flux-kontext-pro": "4",
    "flux-kontext-max": "8",
    "flux-pro-1.1-ultra": "6",
    "flux-pro-1.1": "4",
    "flux-pro": "5",
    "flux-dev": "2.5",
}


@pytest.mark.parametrize(("slug", "price"), PRICES.items())
def test_it_takes_the_price_at_once(slow_sandbox: Sandbox, slug: str, price: str) -> None:
    submit(slow_sandbox, slug)
    assert slow_sandbox.credits == Decimal(1000) - Decimal(price)


def test_it_answers_402_when_credits_are_short(sandbox: Sandbox) -> None:
    sandbox.credits = Decimal("2.49")
    response = submit(sandbox)
    assert (response.status_code, response.json()) == (402, {"detail": "Insufficient credits"})
    sandbox.credits = Decimal("2.50")
    assert submit(sandbox).status_code == 200


def test_it_tells_the_credits_to_the_key_only(sandbox: Sandbox) -> None:
    url = f"{sandbox.url}/v1/credits"
    assert requests.get(url, headers=KEY, timeout=5).json() == {"credits": 1000.0}
    assert requests.get(url, timeout=5).status_code == 403


def test_it_answers_429_above_the_limit_of_active_tasks(slow_sandbox: Sandbox) -> None:
    statuses = [submit(slow_sandbox).status_code for _ in range(25)]
    assert statuses == [200] * 24 + [429]
    assert slow_sandbox.max_active_seen == 24


def test_it_has_a_smaller_limit_for_kontext_max(slow_sandbox: Sandbox) -> None:
    statuses = [submit(slow_sandbox, "flux-kontext-max").status_code for _ in range(7)]
    assert statuses == [200] * 6 + [429]
    assert submit(slow_sandbox, "flux-kontext-pro").status_code == 200
    assert slow_sandbox.max_active_seen_of == {"flux-kontext-max": 6, "flux-kontext-pro": 1}


def test_it_frees_the_place_of_a_task_that_ended(sandbox: Sandbox) -> None:
    sandbox.settings.max_active, sandbox.settings.latency = 1, (100, 100)
    first = submit(sandbox)
    assert sandbox.active == {"flux-dev": 1}
    finish(first)
    assert sandbox.active == {}
    assert submit(sandbox).status_code == 200


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("[request moderated]", "Request Moderated"),
        ("[content moderated]", "Content Moderated"),
        ("[Error]", "Error"),
        ("[failed]", "Failed"),
    ],
)
def test_it_ends_otherwise_on_request_and_gives_back(sandbox: Sandbox, words: str, status: str) -> None:
    answer = finish(submit(sandbox, prompt=f"a tower {words}"))
    assert answer["status"] == status
    assert answer["result"] is None
    assert answer["details"]
    assert sandbox.credits == 1000


def test_it_takes_the_seconds_it_foretells(sandbox: Sandbox) -> None:
    sandbox.settings.latency = None
    for _ in range(3):
        submit(sandbox)
    real = [task.ready_at - task.accepted_at for task in sandbox.tasks.values()]
    assert real == pytest.approx(sandbox.latencies(3, "flux-dev"), abs=1e-5)
    assert len(set(real)) == 3


def test_it_foretells_the_same_for_the_same_seed() -> None:
    first, again, other = (Sandbox(seed=seed) for seed in (5, 5, 6))
    assert first.latencies(4) == again.latencies(4) != other.latencies(4)
    for sandbox in (first, again, other):
        sandbox.stop()


def test_it_is_about_as_quick_as_the_real_endpoints(sandbox: Sandbox) -> None:
    sandbox.settings.latency, sandbox.settings.speed = None, 1
    seconds = sorted(sandbox.latencies(999, "flux-pro-1.1-ultra"))
    assert seconds[499] == pytest.approx(11, rel=0.06)
    assert seconds[949] == pytest.approx(20, rel=0.12)


def test_it_takes_longer_to_rewrite_a_prompt(slow_sandbox: Sandbox) -> None:
    submit(slow_sandbox, prompt_upsampling=True)
    assert next(iter(slow_sandbox.tasks.values())).latency == pytest.approx(62)


def test_it_logs_what_it_was_asked(sandbox: Sandbox) -> None:
    submit(sandbox, nonsense=1)
    (seen,) = sandbox.requests
    assert (seen.method, seen.path, seen.key) == ("POST", "/v1/flux-dev", "sandbox-key")
    assert seen.body == SMALL | {"nonsense": 1}
    assert (seen.status, seen.host) == (200, sandbox.hosts[0])


def _detail(sandbox: Sandbox, slug: str, **params: Any) -> list[dict[str, Any]]:
    response = submit(sandbox, slug, **params)
    assert response.status_code == 422
    detail: list[dict[str, Any]] = response.json()["detail"]
    return detail


@pytest.mark.parametrize(
    ("slug", "name", "value", "code"),
    [
        ("flux-dev", "width", 1000, "multiple_of"),
        ("flux-dev", "width", 224, "greater_than_equal"),
        ("flux-pro-1.1", "height", 1472, "less_than_equal"),
        ("flux-pro", "width", "wide", "int_parsing"),
        ("flux-pro", "width", 512.5, "int_from_float"),
        ("flux-pro", "width", None, "int_type"),
        ("flux-pro", "interval", 4.5, "less_than_equal"),
        ("flux-pro", "steps", 0, "greater_than_equal"),
        ("flux-dev", "guidance", 1.4, "greater_than_equal"),
        ("flux-dev", "guidance", "much", "float_parsing"),
        ("flux-dev", "seed", [], "int_type"),
        ("flux-dev", "prompt", 5, "string_type"),
        ("flux-dev", "prompt_upsampling", "perhaps", "bool_parsing"),
        ("flux-dev", "prompt_upsampling", None, "bool_type"),
        ("flux-dev", "safety_tolerance", 7, "less_than_equal"),
        ("flux-dev", "output_format", "gif", "enum"),
        ("flux-dev", "webhook_url", "example", "url_parsing"),
        ("flux-dev", "webhook_url", "ftp://example", "url_scheme"),
        ("flux-dev", "webhook_url", "http://" + "a" * 2083, "url_too_long"),
        ("flux-pro-1.1-ultra", "aspect_ratio", "5:2", "value_error"),
        ("flux-pro-1.1-ultra", "aspect_ratio", None, "string_type"),
        ("flux-pro-1.1-ultra", "raw", 2, "bool_parsing"),
        ("flux-pro-1.1-ultra", "image_prompt_strength", 1.1, "less_than_equal"),
        ("flux-kontext-pro", "aspect_ratio", "2:5", "value_error"),
        ("flux-kontext-pro", "aspect_ratio", "wide", "value_error"),
        ("flux-kontext-max", "aspect_ratio", "0:1", "value_error"),
        ("flux-kontext-max", "input_image", 1, "string_type"),
    ],
)
def test_it_says_which_field_is_wrong(
    sandbox: Sandbox, slug: str, name: str, value: object, code: str
) -> None:
    (error,) = _detail(sandbox, slug, **{name: value})
    assert error["loc"] == ["body", name]
    assert (error["type"], error["input"]) == (code, value)
    assert error["msg"]


def test_it_words_errors_as_pydantic_does(sandbox: Sandbox) -> None:
    assert _detail(sandbox, "flux-dev", width=2000) == [
        {
            "type": "less_than_equal",
            "loc": ["body", "width"],
            "msg": "Input should be less than or equal to 1440",
            "input": 2000,
            "ctx": {"le": 1440},
        }
    ]


def test_it_reports_every_wrong_field_at_once(sandbox: Sandbox) -> None:
    errors = _detail(sandbox, "flux-dev", width=1, steps=99, seed="x")
    assert [error["loc"][1] for error in errors] == ["width", "seed", "steps"]


def test_it_wants_a_prompt_for_kontext_only(sandbox: Sandbox) -> None:
    for slug, status in (("flux-kontext-pro", 422), ("flux-dev", 200)):
        url = f"{sandbox.url}/v1/{slug}"
        assert requests.post(url, json={}, headers=KEY, timeout=5).status_code == status


@pytest.mark.parametrize(
    ("slug", "params"),
    [
        ("flux-kontext-pro", {"aspect_ratio": "7:3", "width": 3}),
        ("flux-kontext-pro", {"aspect_ratio": "3:7", "input_image": "https://example.com/a.png"}),
        ("flux-dev", {"aspect_ratio": "99:1", "steps": None, "seed": -(2**70)}),
        ("flux-dev", {"width": "512", "height": 512.0, "prompt_upsampling": "no"}),
        ("flux-pro-1.1-ultra", {"raw": True, "image_prompt": "aGk=", "prompt": ""}),
    ],
)
def test_it_takes_what_bfl_takes(sandbox: Sandbox, slug: str, params: dict[str, Any]) -> None:
    assert submit(sandbox, slug, **params).status_code == 200


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"prompt": "a",}', "json_invalid"),
        (b"", "missing"),
        (b"[1]", "model_attributes_type"),
        (b"\xff", "json_invalid"),
    ],
)
def test_it_refuses_what_is_no_object(sandbox: Sandbox, body: bytes, code: str) -> None:
    headers = KEY | {"Content-Type": "application/json"}
    response = requests.post(f"{sandbox.url}/v1/flux-dev", body, headers=headers, timeout=5)
    assert response.status_code == 422
    assert response.json()["detail"][0]["type"] == code


def test_it_keeps_a_connection_open(sandbox: Sandbox) -> None:
    with requests.Session() as session:
        for _ in range(5):
            session.get(f"{sandbox.url}/v1/credits", headers=KEY, timeout=5)
        (pool,) = session.get_adapter(sandbox.url).poolmanager.pools._container.values()  # type: ignore[attr-defined]
        assert pool.num_connections == 1


def test_it_hides_a_task_that_was_forgotten(sandbox: Sandbox) -> None:
    response = submit(sandbox)
    finish(response)
    sandbox.settings.keep_seconds = 0
    url = response.json()["polling_url"]
    assert wait_for(lambda: requests.get(url, timeout=5).status_code == 404)
