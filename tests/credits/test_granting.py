"""Giving and taking back in the admin."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from generations import grants, ledger
from generations.models import CreditEntry, GrantPlan
from tests.credits.steps import create

ADD = "/admin/generations/creditentry/add/"


def ask(*people: User, **more: object) -> dict[str, object]:
    return {"people": [person.pk for person in people], "amount": "12.5", "note": "Spring", **more}


def test_it_shows_first_and_gives_when_confirmed(
    as_staff: Client, staff: User, alice: User, bob: User
) -> None:
    text = as_staff.post(ADD, ask(alice, bob)).text
    assert "12.5 credits each" in text
    assert "25 in all" in text
    assert "<td>alice</td><td>100</td><td>112.5</td>" in text
    assert ledger.get_balance(alice) == 100
    response = as_staff.post(ADD, ask(alice, bob, confirm="1"))
    assert response["Location"] == "/admin/generations/creditentry/"
    assert [ledger.get_balance(person) for person in (alice, bob)] == [Decimal("112.5")] * 2
    assert CreditEntry.objects.latest("pk").created_by == staff


def test_the_preview_carries_the_answers_on(as_staff: Client, alice: User) -> None:
    text = as_staff.post(ADD, ask(alice, is_monthly="on")).text
    for name, value in (("amount", "12.5"), ("note", "Spring"), ("people", alice.pk)):
        assert f'<input type="hidden" name="{name}" value="{value}"' in text
    assert "again each month" in text
    assert "See what it comes to" in as_staff.post(ADD, ask(alice, change="1")).text


def test_it_gives_each_month_to_a_group(as_staff: Client, alice: User) -> None:
    group = Group.objects.create(name="painters")
    group.user_set.add(alice)
    as_staff.post(ADD, ask(group=group.pk, is_monthly="on", expires="on", confirm="1"))
    plan = GrantPlan.objects.get()
    assert (plan.group, plan.expires) == (group, True)
    assert ledger.get_balance(alice) == Decimal("112.5")
    assert "painters" in as_staff.get("/admin/generations/grantplan/").text
    as_staff.post("/admin/generations/grantplan/", {"action": "stop", "_selected_action": plan.pk})
    plan.refresh_from_db()
    assert plan.stopped_at


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
    text = as_staff.post(ADD, ask(alice, confirm="1") | change).text
    assert sentence in text
    assert CreditEntry.objects.count() == 1


def test_members_give_nothing(as_alice: Client, alice: User) -> None:
    as_alice.post(ADD, ask(alice, confirm="1"))
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
    assert "already" in as_staff.post(page, {"note": "Again"}).text


def test_members_take_nothing_back(as_alice: Client, charlie: User, granted: CreditEntry) -> None:
    as_alice.post(f"/admin/generations/creditentry/{granted.pk}/undo/", {"note": "Mine"})
    assert ledger.get_balance(charlie) == 10
