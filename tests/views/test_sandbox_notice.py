"""Whoever sees pictures that FLUX did not make is told so, and staff are shown the way out."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from fluxsite import env
from generations.models import Generation
from generations.pipeline import lifecycle

CHIP = 'class="menu sandbox"'
PAGES = ("/", "/gallery/", "/credits/")


@pytest.mark.parametrize("path", PAGES)
def test_every_page_says_that_pictures_come_from_the_sandbox(
    path: str, as_alice: Client, settings: Any
) -> None:
    settings.BFL_IS_SANDBOX = True
    assert CHIP in as_alice.get(path).text
    settings.BFL_IS_SANDBOX = False
    assert CHIP not in as_alice.get(path).text


def test_staff_are_led_to_where_a_key_is_added_and_members_are_not(
    as_alice: Client, alice: User, settings: Any
) -> None:
    settings.BFL_IS_SANDBOX = True
    assert "Add a key" not in as_alice.get("/").text
    assert "BFL_API_KEY" not in as_alice.get("/sandbox/").text
    alice.is_staff = True
    alice.save()
    assert 'href="/sandbox/#add-a-key"' in as_alice.get("/").text
    page = as_alice.get("/sandbox/").text
    assert 'id="add-a-key"' in page
    assert "BFL_API_KEY" in page


@pytest.mark.parametrize(
    ("address", "is_here"),
    [
        ("http://127.0.0.1:8001", True),
        ("http://127.9.9.9:1", True),
        ("http://[::1]:8001", True),
        ("http://localhost:8001", True),
        ("https://api.bfl.ai", False),
        ("https://api.eu.bfl.ai", False),
        ("https://127.0.0.1.example.org", False),
        ("https://localhost.example.org", False),
    ],
)
def test_a_sandbox_is_a_bfl_on_this_machine(address: str, is_here: bool) -> None:
    assert env.is_loopback(address) is is_here


@pytest.mark.parametrize(
    ("polling_url", "says_so"),
    [
        ("http://127.0.0.1:8001/v1/get_result?id=1", True),
        ("https://api.eu1.bfl.ai/v1/get_result?id=1", False),
        ("", False),
    ],
)
def test_a_picture_says_so_itself_whatever_the_site_uses_today(
    polling_url: str, says_so: bool, as_alice: Client, alice: User, settings: Any
) -> None:
    settings.BFL_IS_SANDBOX = False
    [picture] = lifecycle.create(alice, "flux-kontext-pro", {"prompt": "a lighthouse"})
    Generation.objects.filter(pk=picture.pk).update(polling_url=polling_url)
    assert ("not FLUX" in as_alice.get(f"/g/{picture.code}/").text) is says_so
