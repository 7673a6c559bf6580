"""Answers are those recorded from BFL's API in August and December 2025 (github.com/maruel/genai), with ids
and signatures cut, and bent out of shape."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from generations.bfl import Status
from generations.bfl.results import Result, read_result, read_submission

READY = json.loads("""{"id": "1", "status": "Ready", "result": {
    "sample": "https://bfldeliveryprodeu4.blob.core.windows.net/results/8e/sample.jpeg?sig=x",
    "prompt": "a lighthouse", "seed": 42, "start_time": 1766072345.188173, "end_time": 1766072347.676069,
    "duration": 2.487895965576172}, "progress": null, "details": null, "preview": null}""")


def read(**changes: object) -> Result:
    result = read_result({**READY, **changes})
    assert result is not None
    return result


def test_it_reads_a_recorded_answer() -> None:
    result = read()
    assert (result.status, result.seed, result.prompt) == (Status.READY, 42, "a lighthouse")
    assert result.sample_url == READY["result"]["sample"]
    assert (result.progress, result.cost, result.reason) == (None, None, "")


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("Pending", Status.PENDING),
        ("Reasoning", Status.REASONING),
        ("Generating", Status.GENERATING),
        ("Request Moderated", Status.REQUEST_MODERATED),
        ("Content Moderated", Status.CONTENT_MODERATED),
        ("Error", Status.ERROR),
        ("Failed", Status.ERROR),
        ("FAILED", Status.ERROR),
        ("Task not found", Status.TASK_NOT_FOUND),
        ("PENDING", Status.PENDING),
        ("processing", Status.GENERATING),
        ("Paused", Status.UNKNOWN),
        ("", Status.UNKNOWN),
        ("ready", Status.UNKNOWN),
    ],
)
def test_it_knows_the_words_of_bfl(word: str, status: Status) -> None:
    result = read(status=word, result=None)
    assert (result.status, result.word, result.sample_url) == (status, word, None)


@pytest.mark.parametrize("word", ["Ready", "SUCCESS"])
def test_it_knows_both_words_for_ready(word: str) -> None:
    assert read(status=word).status is Status.READY


@pytest.mark.parametrize("result", [None, {}, [], "x", {"sample": None}, {"sample": ""}, {"sample": 5}])
def test_it_takes_ready_without_a_picture_for_in_progress(result: object) -> None:
    read_one = read(result=result)
    assert (read_one.status, read_one.word, read_one.sample_url) == (Status.UNKNOWN, "Ready", None)


def test_it_gives_no_picture_before_the_task_is_ready() -> None:
    assert read(status="Pending").sample_url is None


@pytest.mark.parametrize(
    ("given", "progress"),
    [
        (0, 0),
        (0.1, 0.1),
        (1, 1),
        (1.0, 1),
        (50, 0.5),
        (100, 1),
        (250, 1),
        (-1, 0),
        pytest.param(10**400, None, id="huge"),
    ],
)
def test_it_reads_progress_as_a_share(given: float, progress: float | None) -> None:
    assert read(progress=given).progress == progress


@pytest.mark.parametrize("given", [None, True, "0.5", [], {}, float("nan"), float("inf")])
def test_it_takes_no_other_value_for_progress(given: object) -> None:
    assert read(progress=given).progress is None


@pytest.mark.parametrize(
    ("given", "cost"),
    [(7.000000000000001, "7"), (4, "4"), (2.5, "2.5"), (0, "0"), (0.1 + 0.2, "0.3"), (1e-9, "0")],
)
def test_it_reads_a_cost_without_its_noise(given: float, cost: str) -> None:
    assert read(cost=given).cost == Decimal(cost)
    submission = read_submission({"id": "1", "cost": given})
    assert submission is not None
    assert submission.cost == Decimal(cost)


@pytest.mark.parametrize(
    "given", [None, True, "4", [], -1, 10**9, pytest.param(10**400, id="huge"), float("nan")]
)
def test_it_takes_no_other_value_for_a_cost(given: object) -> None:
    assert read(cost=given).cost is None


@pytest.mark.parametrize(("given", "seed"), [(0, 0), (-5, -5), (2**63 - 1, 2**63 - 1), (1752478609715,) * 2])
def test_it_reads_a_seed(given: int, seed: int) -> None:
    assert read(result={**READY["result"], "seed": given}).seed == seed


@pytest.mark.parametrize("given", [None, True, 4.0, "4", 2**63, -(2**64), []])
def test_it_takes_no_seed_that_no_column_holds(given: object) -> None:
    assert read(result={**READY["result"], "seed": given}).seed is None


@pytest.mark.parametrize(
    ("details", "reason"),
    [
        ({"Moderation Reasons": ["Violence", "Sexual Content"]}, "Violence, Sexual Content"),
        ({"error": "Out of memory"}, "Out of memory"),
        ({"error": None, "code": 5}, "5"),
        ({"a": "one", "b": ["two", 3]}, "one; two, 3"),
        ("plain words", "plain words"),
        (["one", "two"], "one, two"),
        (None, ""),
        ({}, ""),
    ],
)
def test_it_reads_the_reason_of_a_failure(details: object, reason: str) -> None:
    assert read(status="Error", result=None, details=details).reason == reason


def test_it_reads_the_reason_of_an_old_webhook() -> None:
    assert read(status="FAILED", result=None, error="No luck").reason == "No luck"


def test_it_keeps_long_words_short() -> None:
    result = read(status="x" * 1000, details={"error": "y" * 10_000})
    assert len(result.word) == 64
    assert len(result.reason) == 500


@pytest.mark.parametrize("character", ["\x00", "\ud800"])
def test_it_reads_only_text_that_a_database_takes(character: str) -> None:
    bad = f"a{character}b"
    result = read(result={**READY["result"], "prompt": bad}, details={"a": bad, "b": [bad]})
    words = read(status=bad).word + (result.prompt or "") + result.reason
    assert character not in words


@pytest.mark.parametrize(
    "body", [None, [], "Ready", 5, {}, {"id": "1"}, {"status": None}, {"status": ["Ready"]}]
)
def test_it_finds_no_state_in_anything_else(body: object) -> None:
    assert read_result(body) is None


@pytest.mark.parametrize("field", ["result", "progress", "details", "preview", "id"])
def test_it_needs_nothing_but_the_status(field: str) -> None:
    body = {"id": "1", "status": "Pending", "result": {}, "progress": 0.5, "details": {}, "preview": {}}
    del body[field]
    result = read_result(body)
    assert result is not None
    assert result.status is Status.PENDING


@pytest.mark.parametrize("url", [None, "", 5, []])
def test_it_reads_a_submission_without_an_address(url: object) -> None:
    submission = read_submission({"id": "1", "status": "Pending", "webhook_url": "x", "polling_url": url})
    assert submission is not None
    assert (submission.id, submission.polling_url, submission.cost) == ("1", None, None)


@pytest.mark.parametrize("body", [None, [], "1", {}, {"id": None}, {"id": ""}, {"id": 1}, {"id": ["1"]}])
def test_it_finds_no_submission_in_anything_else(body: object) -> None:
    assert read_submission(body) is None
