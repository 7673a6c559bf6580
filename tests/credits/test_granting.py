"""Giving and taking back in the admin."""

from __future__ import annotations

import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client

from generations.credits import grants, ledger
from generations.models import CreditEntry, GrantPlan
from tests.credits.steps import create

ADD = "/admin/generations/creditentry/add/"


def ask(*people: User, **more: object) -> dict[str, object]:
    return {"people": [person.pk for person in people], "amount": "12.5", "note": "Spring", **more}


def confirm(*people: User, **more: object) -> dict[str, object]:
    return ask(*people, **{"confirm": "1", "token": uuid.uuid4(), **more})


def token_in(preview: str) -> str:
    found = re.search(r'name="token" value="([0-9a-f-]{36})"', preview)
    assert found
    return found[1]


def test_it_shows_first_and_gives_when_confirmed(
    as_staff: Client, staff: User, alice: User, bob: User
) -> None:
    text = as_staff.post(ADD, ask(alice, bob)).text
    assert "12.5 credits each" in text
    assert "25 in all" in text
    assert "<td>alice</td><td>100</td><td>112.5</td>" in text
    assert ledger.get_balance(alice) == 100
    response = as_staff.post(ADD, confirm(alice, bob, token=token_in(text)))
    assert response["Location"] == "/admin/generations/creditentry/"
    assert [ledger.get_balance(person) for person in (alice, bob)] == [Decimal("112.5")] * 2
    assert CreditEntry.objects.latest("pk").created_by == staff


def test_the_preview_carries_the_answers_on(as_staff: Client, alice: User) -> None:
    text = as_staff.post(ADD, ask(alice, is_monthly="on")).text
    for name, value in (("amount", "12.5"), ("note", "Spring"), ("people", alice.pk)):
        assert f'<input type="hidden" name="{name}" value="{value}"' in text
    assert "again each month" in text
    assert "Review" in as_staff.post(ADD, ask(alice, change="1")).text


def test_it_gives_each_month_to_a_group(as_staff: Client, alice: User) -> None:
    group = Group.objects.create(name="painters")
    group.user_set.add(alice)
    as_staff.post(ADD, confirm(group=group.pk, is_monthly="on", expires="on"))
    plan = GrantPlan.objects.get()
    assert (plan.group, plan.expires) == (group, True)
    assert ledger.get_balance(alice) == Decimal("112.5")
    assert "painters" in as_staff.get("/admin/generations/grantplan/").text
    stop = {"action": "stop", "_selected_action": plan.pk}
    asked = as_staff.post("/admin/generations/grantplan/", stop).text
    assert "12.5 credits" in asked
    assert "painters" in asked
    plan.refresh_from_db()
    assert not plan.stopped_at
    as_staff.post("/admin/generations/grantplan/", stop | {"confirm": "Stop"})
    plan.refresh_from_db()
    assert plan.stopped_at
    assert "Stopped" in as_staff.get(f"/admin/generations/grantplan/{plan.pk}/history/").text


def test_a_second_click_gives_nothing(as_staff: Client, alice: User) -> None:
    clicked = confirm(alice, is_monthly="on")
    as_staff.post(ADD, clicked)
    text = as_staff.post(ADD, clicked, follow=True).text
    assert "These credits were given already. Nothing was given again." in text
    assert ledger.get_balance(alice) == Decimal("112.5")
    assert GrantPlan.objects.count() == 1


def test_each_preview_may_be_confirmed_once(as_staff: Client, alice: User) -> None:
    for _ in range(2):
        as_staff.post(ADD, confirm(alice, token=token_in(as_staff.post(ADD, ask(alice)).text)))
    assert ledger.get_balance(alice) == 125


@pytest.mark.parametrize("token", ["", "mine"])
def test_it_shows_again_what_is_confirmed_without_a_token(token: str, as_staff: Client, alice: User) -> None:
    assert token_in(as_staff.post(ADD, confirm(alice, token=token)).text)
    assert ledger.get_balance(alice) == 100


@pytest.mark.django_db(transaction=True)
def test_of_clicks_at_once_one_gives(staff: User, alice: User) -> None:
    order, token = grants.Order(people=[alice], amount=Decimal(5), note="Spring"), uuid.uuid4()

    def click(_: int) -> bool:
        try:
            grants.carry_out_once(order, created_by=staff, token=token)
        except grants.AlreadyGiven:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(click, range(8))) == 1
    assert ledger.get_balance(alice) == 105


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"amount": "-1"}, "The amount must be more than 0"),
        ({"amount": "0"}, "The amount must be more than 0"),
        ({"amount": "1000000000"}, "at most 1,000,000 credits"),
        ({"amount": "1.00001"}, "at most four decimal places"),
        ({"amount": "much"}, "Enter a number."),
        ({"amount": "NaN"}, "Enter a number."),
        ({"note": "  "}, "This field is required."),
        ({"people": [999_999]}, "not one of the available choices"),
        ({"people": []}, "Name at least one person"),
    ],
)
def test_it_refuses_with_a_sentence(
    change: dict[str, object], sentence: str, as_staff: Client, alice: User
) -> None:
    text = as_staff.post(ADD, confirm(alice) | change).text
    assert sentence in text
    assert CreditEntry.objects.count() == 1


def test_members_give_nothing(as_alice: Client, alice: User) -> None:
    as_alice.post(ADD, confirm(alice))
    assert ledger.get_balance(alice) == 100


@pytest.fixture
def granted(charlie: User) -> CreditEntry:
    order = grants.Order(people=[charlie], amount=Decimal(10), note="Spring")
    return grants.carry_out(order, created_by=None)[0]


def test_it_takes_a_grant_back_with_a_reason(as_staff: Client, charlie: User, granted: CreditEntry) -> None:
    page = f"/admin/generations/creditentry/{granted.pk}/undo/"
    assert page in as_staff.get(f"/admin/generations/creditentry/{granted.pk}/change/").text
    create(charlie)
    assert "7.5 of them can be taken back now" in as_staff.get(page).text
    assert "This field is required." in as_staff.post(page, {"note": " "}).text
    as_staff.post(page, {"note": "Wrong person"})
    assert ledger.get_balance(charlie) == 0
    for response in (as_staff.get(page, follow=True), as_staff.post(page, {"note": "Again"}, follow=True)):
        assert response.redirect_chain[0][0] == "/admin/generations/creditentry/"
        assert "Nothing of that grant is left: it has all been spent." in response.text
    assert page not in as_staff.get(f"/admin/generations/creditentry/{granted.pk}/change/").text


def test_what_is_no_grant_has_nothing_to_take_back(
    as_staff: Client, charlie: User, granted: CreditEntry
) -> None:
    create(charlie)
    charge = CreditEntry.objects.get(kind="charge")
    text = as_staff.get(f"/admin/generations/creditentry/{charge.pk}/undo/", follow=True).text
    assert "Only a grant can be taken back." in text


def test_members_take_nothing_back(as_alice: Client, charlie: User, granted: CreditEntry) -> None:
    as_alice.post(f"/admin/generations/creditentry/{granted.pk}/undo/", {"note": "Mine"})
    assert ledger.get_balance(charlie) == 10
