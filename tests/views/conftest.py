"""One row of each model, for tests of all addresses."""

from __future__ import annotations

import uuid
from decimal import Decimal
from pathlib import Path

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.utils import timezone

from generations.credits import grants, prices
from generations.models import (
    BFLAccount,
    CreditEntry,
    Delivery,
    Limit,
    Offer,
    OfferChange,
)
from generations.pipeline import lifecycle
from generations.provider import balance as bfl_balance
from tests.conftest import make_pictures


@pytest.fixture
def rows(alice: User, media: Path) -> dict[str, Model]:
    """One row of each model, by the name that the admin gives it."""
    generation = make_pictures(alice)[0]
    delivery = Delivery.objects.create(
        generation=generation, digest="0" * 64, bfl_status="Ready", received_at=timezone.now()
    )
    (pressed,) = lifecycle.create(alice, "flux-dev", {"prompt": "a fox"}, token=uuid.uuid4())
    assert pressed.press
    entry = give_each_month(alice)
    assert entry.plan
    offer = Offer(endpoint="flux-dev", price=Decimal(3))
    prices.save(offer, changed_by=None)
    bfl_balance.keep(Decimal(1000), timezone.now())
    rows: list[Model] = [
        generation,
        generation.image,
        generation.events.latest("pk"),
        delivery,
        pressed.press,
        entry,
        entry.account,
        entry.plan,
        offer,
        OfferChange.objects.get(),
        Limit.objects.create(scope=Limit.Scope.TEAM, period=Limit.Period.DAY, credits=1000),
        BFLAccount.objects.get(),
        Group.objects.create(name="painters"),
        EmailAddress.objects.create(user=alice, email="alice@flux.example"),
        alice,
    ]
    return {row._meta.label_lower.replace(".", "_"): row for row in rows}


def give_each_month(user: User) -> CreditEntry:
    order = grants.Order(people=[user], amount=Decimal(1), note="Each month", is_monthly=True)
    return grants.carry_out(order, created_by=None)[0]
