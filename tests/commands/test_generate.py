from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection

from generations.credits import ledger
from generations.models import Generation, Offer
from tests.conftest import Work

KEYS = ["code", "status", "failure_code", "price", "bfl_id", "seed", "image", "timings"]


def generate(*params: str, **options: Any) -> tuple[int, list[dict[str, Any]]]:
    """Run the command; return its exit status and the objects that it printed."""
    given = {"user": "alice", "endpoint": "flux-dev", "prompt": "a heron", "wait": 0, **options}
    output = io.StringIO()
    try:
        call_command("generate", *params, stdout=output, **given)
    except SystemExit as end:
        return int(str(end.code)), list(_objects(output))
    return 0, list(_objects(output))


def _objects(output: io.StringIO) -> Iterator[dict[str, Any]]:
    return (json.loads(line) for line in output.getvalue().splitlines())


def generate_while(work: Work, **options: Any) -> tuple[int, list[dict[str, Any]]]:
    """Run the command beside the workers."""

    def in_thread() -> tuple[int, list[dict[str, Any]]]:
        try:
            return generate(wait=30, **options)
        finally:
            connection.close()

    with ThreadPoolExecutor() as pool:
        command = pool.submit(in_thread)
        while not (Generation.objects.exists() or command.done()):
            time.sleep(0.02)
        work()
        return command.result()


def refusal(*params: str, **options: Any) -> str:
    """Run the command, which must refuse with exit status 2; return what it says."""
    with pytest.raises(CommandError) as caught:
        generate(*params, **options)
    assert caught.value.returncode == 2
    return str(caught.value)


def test_it_prints_each_picture_and_ends_with_0(work: Work, alice: User, media: Path) -> None:
    status, lines = generate_while(work, count=2)
    assert status == 0
    assert [list(line) for line in lines] == [KEYS, KEYS]
    assert {line["code"] for line in lines} == {str(row.code) for row in Generation.objects.all()}
    assert all((media / line["image"]).exists() and line["status"] == "succeeded" for line in lines)


def test_it_ends_with_1_when_a_picture_failed(work: Work, alice: User) -> None:
    status, lines = generate_while(work, prompt="[request moderated]")
    assert status == 1
    assert (lines[0]["status"], lines[0]["failure_code"]) == ("failed", "request_moderated")
    assert lines[0]["image"] is None
    assert ledger.get_balance(alice) == 100


def test_it_ends_with_1_when_time_is_up(alice: User) -> None:
    status, lines = generate(wait=0)
    assert status == 1
    assert (lines[0]["status"], lines[0]["failure_code"], lines[0]["bfl_id"]) == ("queued", None, None)
    assert lines[0]["price"] == "2.5000"
    assert lines[0]["timings"] == {"claimed": None, "submitted": None, "ready": None, "finished": None}


def test_it_waits_no_longer_than_it_was_told(alice: User) -> None:
    start = time.monotonic()
    generate(wait=0.3)
    assert 0.3 <= time.monotonic() - start < 3


def test_it_sends_the_parameters_that_were_named(alice: User) -> None:
    generate("--param", "steps=12", "--param=seed=7", "--param", "prompt_upsampling=true")
    params = Generation.objects.get(user=alice).params
    assert (params["steps"], params["seed"], params["prompt_upsampling"]) == (12, 7, True)


def test_it_charges_for_each_of_the_count(alice: User) -> None:
    lines = generate(count=3)[1]
    assert len(lines) == 3
    assert ledger.get_balance(alice) == Decimal("92.5")


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        (["steps"], "--param takes NAME=VALUE, not “steps”."),
        (["=5"], "--param takes NAME=VALUE, not “=5”."),
        (["steps=51"], "Steps must be a whole number from 1 to 50."),
        (["width=1000"], "Width must be a whole number from 256 to 1440, in steps of 32."),
        (["prompt_upsampling=maybe"], "Let FLUX rewrite the prompt must be true or false."),
        (["webhook_url=https://evil.example"], "Dev has no setting called “webhook_url”."),
    ],
)
def test_it_refuses_bad_parameters(params: list[str], sentence: str, alice: User) -> None:
    assert sentence in refusal(*(f"--param={param}" for param in params))
    assert not Generation.objects.exists()
    assert ledger.get_balance(alice) == 100


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"prompt": ""}, "Write what you want to see."),
        ({"prompt": "x" * 4001}, "Prompt is 4,001 characters long; 4,000 is the most."),
        ({"endpoint": "flux-9"}, "There is no model called “flux-9”."),
        ({"user": "nobody"}, "There is no active person called “nobody”."),
        ({"count": 0}, "The count must be a whole number from 1 to 100."),
        ({"count": 101}, "The count must be a whole number from 1 to 100."),
        ({"count": -1}, "The count must be a whole number from 1 to 100."),
        ({"count": 41}, "This costs 102.5 credits and you have 100."),
    ],
)
def test_it_refuses_bad_input(options: dict[str, Any], sentence: str, alice: User) -> None:
    assert sentence in refusal(**options)
    assert not Generation.objects.exists()
    assert ledger.get_balance(alice) == 100


def test_it_refuses_people_who_are_switched_off(alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert "There is no active person called “alice”." in refusal()


def test_it_refuses_an_endpoint_that_is_switched_off(alice: User) -> None:
    Offer.objects.create(endpoint="flux-dev", is_enabled=False)
    assert "Dev is switched off at the moment." in refusal()


def test_it_refuses_without_enough_credits(charlie: User) -> None:
    assert "This costs 2.5 credits and you have 0." in refusal(user="charlie")
    assert not Generation.objects.exists()


def test_it_refuses_a_wait_that_is_no_number(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def sleep(seconds: float) -> None:
        raise AssertionError("it waits for ever")

    monkeypatch.setattr("generations.management.commands.generate.time.sleep", sleep)
    assert "--wait" in refusal(wait=float("nan"))
    assert not Generation.objects.exists()
