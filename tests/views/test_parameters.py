"""Odd text in an address or a form: every view answers, on both databases, and none with a traceback."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.db.models import Model
from django.test import Client

from tests.views.test_access import NAMED, address_of

ROOT = Path(__file__).resolve().parents[2]
READ = re.compile(r"""request\.(?:GET|POST)(?:\.get|\.getlist)?[\[(]"(\w+)\"""")
# Read by other ways than by name: the search's keys, the studio's fields, the admin's own.
FURTHER = {
    *("endpoint", "tag", "before", "after", "on", "seed", "ratio", "is", "size", "format", "q", "p", "o"),
    *("prompt", "aspect_ratio", "custom_ratio", "width", "height", "count", "first", "last", "month", "day"),
    *("person", "group", "file", "picture", "next", "login", "password", "action", "past", "at", "page"),
}
ODD = {
    "NUL": "a\0b",
    "no UTF-8": "%FF%ED%A0%80",
    "long": "x" * 5000,
    "huge": "9" * 400,
    "negative": "-1",
    "markup": "'\"{{ 7*7 }}<script>",
    "direction": "\u202e\u200b",
    "a day beyond": "99999-12-31",
}
SEARCHED = [
    "/",
    "/gallery/",
    "/gallery/suggestions/",
    "/gallery/months/",
    "/prompts/",
    "/usage/",
    "/credits/",
]


def names() -> list[str]:
    found = set(FURTHER)
    for folder in ("generations", "fluxsite"):
        for path in (ROOT / folder).rglob("*.py"):
            found.update(READ.findall(path.read_text()))
    return sorted(found)


def encoded(kind: str) -> str:
    return ODD[kind] if kind == "no UTF-8" else quote(ODD[kind])


def body(kind: str) -> str:
    return "&".join(f"{name}={encoded(kind)}" for name in names())


@pytest.fixture
def staff_client(as_staff: Client) -> Client:
    # All pages are open to staff, and most of them are a member's own as well.
    as_staff.raise_request_exception = False
    return as_staff


def addresses(rows: dict[str, Model]) -> list[str]:
    return [address_of(name, rows) for name in NAMED if "logout" not in name]


def is_broken(response: Any) -> bool:
    # A file that is sent is closed once it has been read.
    response.getvalue()
    return bool(response.status_code >= 500)


@pytest.mark.parametrize("kind", ODD)
def test_an_address_with_odd_parameters_is_answered(
    kind: str, staff_client: Client, rows: dict[str, Model]
) -> None:
    asked = addresses(rows)
    assert [url for url in asked if is_broken(staff_client.get(f"{url}?{body(kind)}"))] == []


@pytest.mark.parametrize("kind", ["NUL", "huge"])
def test_one_odd_parameter_is_answered(kind: str, staff_client: Client) -> None:
    # The first odd one may keep the others from being read.
    asked = [f"{address}?{name}={encoded(kind)}" for name in names() for address in SEARCHED]
    assert [url for url in asked if is_broken(staff_client.get(url))] == []


@pytest.mark.parametrize("kind", ODD)
def test_a_form_with_odd_fields_is_answered(kind: str, staff_client: Client, rows: dict[str, Model]) -> None:
    form, sent = "application/x-www-form-urlencoded", body(kind)
    asked = addresses(rows)
    assert [url for url in asked if is_broken(staff_client.post(url, sent, content_type=form))] == []


@pytest.mark.parametrize("address", ["/?past=%00", "/gallery/suggestions/?q=%00", "/gallery/?q=tag:%00"])
def test_nul_in_an_address_is_left_out(address: str, as_alice: Client) -> None:
    assert as_alice.get(address).status_code in (200, 302)
