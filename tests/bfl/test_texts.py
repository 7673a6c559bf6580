from __future__ import annotations

import json

import pytest

from generations.bfl.results import read_result
from generations.bfl.texts import LONGEST_REASON, clean, phrase, read_json


def nested(depth: int, *, kind: str = "list") -> str:
    opening, closing = ("[", "]") if kind == "list" else ('{"a":', "}")
    return opening * depth + '"deep"' + closing * depth


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("no\x00thing", "no thing"),
        ("half \ud83d of a pair", "half of a pair"),
        ("two\nlines\r\nand\ta tab", "two lines and a tab"),
        ("\x1b[31mred", "[31mred"),
        ("line\u2028and\u2029paragraph", "line and paragraph"),
        ("turned \u202eround\u202c", "turned round"),
        ("\u2067isolated\u2069", "isolated"),
        ("👩‍🚀 می‌خواهم", "👩‍🚀 می‌خواهم"),
        ("é " * 600, ("é " * 600)[:LONGEST_REASON]),
    ],
)
def test_it_makes_text_safe_for_database_log_and_page(text: str, cleaned: str) -> None:
    assert clean(text).rstrip() == cleaned.rstrip()


@pytest.mark.parametrize("kind", ["list", "object"])
@pytest.mark.parametrize("depth", [5, 330, 900, 100_000])
def test_a_reason_nested_without_end_is_read(kind: str, depth: int) -> None:
    body = read_json(f'{{"status": "Error", "details": {nested(depth, kind=kind)}}}')
    result = read_result(body)
    # Beyond some depth the body is no JSON to Python, and so no answer.
    assert (result is None) == (body is None)
    assert body is None or (result and len(result.reason) <= LONGEST_REASON)


def test_a_reason_of_many_parts_is_cut() -> None:
    assert len(phrase([["word"] * 1000] * 1000)) <= LONGEST_REASON


def test_a_number_too_long_to_write_out_is_named() -> None:
    assert phrase(10**5000) == "a very large number"


@pytest.mark.parametrize("body", ["", "<html>", "[" * 100_000, "1" * 5000, b"\xff\xfe", '{"a": }'])
def test_a_body_that_is_no_json_is_none(body: str | bytes) -> None:
    assert read_json(body) is None


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400, -(10**400), "4", None, True, [], {}])
def test_an_odd_number_counts_as_missing(value: object) -> None:
    body = json.loads(json.dumps({"status": "Ready", "cost": value, "progress": value}))
    result = read_result({**body, "result": {"sample": "https://a.bfl.ai/x", "seed": value}})
    assert result is not None
    assert (result.cost, result.progress) == (None, None)
    assert result.seed is None


@pytest.mark.parametrize("word", ["Pend\x00ing", "x\n2026 ERROR forged", "\ud800", "w" * 100_000])
def test_an_invented_status_is_one_clean_word(word: str) -> None:
    result = read_result({"status": word})
    assert result is not None
    assert len(result.word) <= 64
    assert result.word.isprintable()
