"""The price list: what the site offers of BFL's endpoints, for how much, and how many may wait."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from generations.bfl import ENDPOINTS, Endpoint
from generations.credits.amounts import plain
from generations.models import Generation, Offer, OfferChange

MAX_WAITING = 50
RECORDED = ("bfl_price", "price", "is_enabled", "max_waiting")


class EndpointUnavailable(Exception):
    """Nobody sells that endpoint here, or staff have switched it off."""


class PriceChanged(Exception):
    """A picture costs something else than the person was shown."""


class TooManyWaiting(Exception):
    """The person has as many pictures waiting as one may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A line of the price list."""

    endpoint: Endpoint
    """As the catalogue has it, except that its price is the site's own."""
    bfl_price: Decimal
    is_enabled: bool
    max_waiting: int

    @property
    def price(self) -> Decimal:
        return self.endpoint.price


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """BFL took something else for its last picture of an endpoint than the list says."""

    listed: Listed
    cost: Decimal


def get_list() -> dict[str, Listed]:
    """Return a line for each endpoint of the catalogue, in its order."""
    offers = {offer.endpoint: offer for offer in Offer.objects.all()}
    return {slug: _listed(entry, offers.get(slug) or Offer()) for slug, entry in ENDPOINTS.items()}


def get_entry(endpoint: str) -> Endpoint:
    """Return an endpoint of the catalogue, whether it is offered or not. Raises EndpointUnavailable."""
    entry = ENDPOINTS.get(endpoint)
    if entry is None:
        raise EndpointUnavailable(
            f"There is no model called “{endpoint[:40]}”. There are {', '.join(ENDPOINTS)}."
        )
    return entry


def get_offered(endpoint: str) -> Listed:
    """Return the line of an endpoint that people may use. Raises EndpointUnavailable."""
    entry = get_entry(endpoint)
    listed = _listed(entry, Offer.objects.filter(endpoint=endpoint).first() or Offer())
    if not listed.is_enabled:
        raise EndpointUnavailable(f"{entry.name} is switched off at the moment. Choose another model.")
    return listed


def check_price(listed: Listed, shown: Decimal | None) -> None:
    """Raises PriceChanged if the person was shown another price for one picture."""
    if shown is not None and shown != listed.price:
        raise PriceChanged(
            f"{listed.endpoint.name} now costs {plain(listed.price)} credits a picture; "
            f"you were shown {plain(shown)}. Nothing was charged. Press again to pay the new price."
        )


def check_waiting(user_id: int, listed: Listed, count: int) -> None:
    """Raises TooManyWaiting if `count` more would be too many. Call it under the account's lock."""
    waiting = count_waiting(user_id, listed.endpoint.slug)
    if waiting + count > listed.max_waiting:
        raise TooManyWaiting(
            f"You have {waiting} of {listed.max_waiting} {listed.endpoint.name} pictures waiting; "
            f"{count} more would be too many. Nothing was charged. "
            "Wait until some have had their turn, or cancel some."
        )


def count_waiting(user_id: int, endpoint: str) -> int:
    return Generation.objects.queued().filter(user=user_id, endpoint=endpoint).count()


def get_deviations() -> list[Deviation]:
    """Return where BFL's last word on a price is not that of the list."""
    costs = [(listed, _last_cost(slug)) for slug, listed in get_list().items()]
    return [
        Deviation(listed=listed, cost=cost)
        for listed, cost in costs
        if cost is not None and cost != listed.bfl_price
    ]


def save(offer: Offer, *, changed_by: User | None) -> None:
    """Save a line and record what changed in it."""
    with transaction.atomic():
        before = Offer.objects.select_for_update().filter(endpoint=offer.endpoint).first() or Offer()
        offer.save()
        OfferChange.objects.bulk_create(
            OfferChange(
                endpoint=offer.endpoint,
                field=field,
                old=_told(getattr(before, field)),
                new=_told(getattr(offer, field)),
                changed_at=timezone.now(),
                changed_by=changed_by,
            )
            for field in RECORDED
            if getattr(before, field) != getattr(offer, field)
        )


def _listed(entry: Endpoint, offer: Offer) -> Listed:
    bfl_price = entry.price if offer.bfl_price is None else offer.bfl_price
    return Listed(
        endpoint=replace(entry, price=bfl_price if offer.price is None else offer.price),
        bfl_price=bfl_price,
        is_enabled=offer.is_enabled,
        max_waiting=offer.max_waiting or MAX_WAITING,
    )


def _last_cost(slug: str) -> Decimal | None:
    told = Generation.objects.filter(endpoint=slug, cost__isnull=False).order_by("-pk")
    return told.values_list("cost", flat=True).first()


def _told(value: Decimal | bool | int | None) -> str:
    if value is None:
        return ""
    return plain(value) if isinstance(value, Decimal) else str(value)
