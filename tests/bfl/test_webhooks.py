"""Payloads are those that two independent receivers logged: `task_id` and SUCCESS until February 2026, `id`
and Ready since."""

from __future__ import annotations

import pytest

from generations.bfl import Status
from generations.bfl.webhooks import is_secret, read_delivery

RESULT = {"sample": "https://delivery-eu1.bfl.ai/a.jpeg?sig=x", "prompt": "a lighthouse", "seed": 42}


@pytest.mark.parametrize(
    "body",
    [
        {"task_id": "abc", "status": "SUCCESS", "result": RESULT},
        {"task_id": "abc", "status": "Ready", "result": RESULT},
        {"id": "abc", "status": "Ready", "result": RESULT, "progress": None, "details": None},
        {"task_id": "abc", "id": "other", "status": "Ready", "result": RESULT},
    ],
)
def test_it_reads_a_finished_task_of_both_generations(body: object) -> None:
    delivery = read_delivery(body)
    assert delivery is not None
    assert (delivery.bfl_id, delivery.result.status) == ("abc", Status.READY)
    assert (delivery.result.sample_url, delivery.result.seed) == (RESULT["sample"], 42)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"task_id": "abc", "status": "FAILED", "error": "No luck"}, Status.ERROR),
        ({"id": "abc", "status": "Error", "details": {"error": "No luck"}}, Status.ERROR),
        (
            {"id": "abc", "status": "Content Moderated", "details": {"x": ["No luck"]}},
            Status.CONTENT_MODERATED,
        ),
    ],
)
def test_it_reads_a_failed_task_of_both_generations(body: object, status: Status) -> None:
    delivery = read_delivery(body)
    assert delivery is not None
    assert (delivery.result.status, delivery.result.reason) == (status, "No luck")


@pytest.mark.parametrize(
    ("word", "status"),
    [("PENDING", Status.PENDING), ("processing", Status.GENERATING), ("?", Status.UNKNOWN)],
)
def test_it_reads_a_task_in_progress(word: str, status: Status) -> None:
    delivery = read_delivery({"task_id": "abc", "status": word, "progress": 0.5})
    assert delivery is not None
    assert (delivery.result.status, delivery.result.progress) == (status, 0.5)


def test_it_takes_no_picture_that_is_not_there() -> None:
    delivery = read_delivery({"id": "abc", "status": "Ready", "result": None})
    assert delivery is not None
    assert delivery.result.status is Status.UNKNOWN


@pytest.mark.parametrize("bfl_id", [None, "", 5, ["abc"], "x" * 65, "abc\x00", "abc\ud800"])
def test_it_reads_nothing_without_a_usable_id(bfl_id: object) -> None:
    assert read_delivery({"id": bfl_id, "status": "Ready", "result": RESULT}) is None
    assert read_delivery({"task_id": bfl_id, "status": "SUCCESS", "result": RESULT}) is None


@pytest.mark.parametrize("body", [None, [], "Ready", 5, {}, {"id": "abc"}, {"id": "abc", "status": None}])
def test_it_reads_nothing_from_anything_else(body: object) -> None:
    assert read_delivery(body) is None


def test_it_knows_the_secret() -> None:
    assert is_secret("open sesame", "open sesame")
    assert not is_secret("open sesame ", "open sesame")
    assert not is_secret("", "open sesame")


@pytest.mark.parametrize("received", ["sésame", "ÿ", "🌊", "sesame\x00", "x" * 100_000])
def test_it_compares_any_text_with_the_secret(received: str) -> None:
    assert not is_secret(received, "sesame")
    assert is_secret(received, received)
