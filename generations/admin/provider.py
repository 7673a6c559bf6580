from __future__ import annotations

from datetime import datetime

from django import forms
from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils import timezone

from fluxsite.http import person_of
from generations.admin.readonly import MachineWritten, may_not
from generations.credits import prices
from generations.credits.amounts import plain
from generations.models import BFLAccount, Generation, Offer, OfferChange, Provider
from generations.presentation import wording
from generations.provider import balance


@admin.register(Provider)
class ProviderAdmin(MachineWritten):
    list_display = ("state", "next_try", "tries", "pause_detail")
    fields = ("state", "told", "next_try", "tries", "pause_detail", "checked_at")

    @admin.display(description="State")
    def state(self, provider: Provider) -> str:
        return provider.get_pause_display() if provider.pause else "BFL takes tasks"

    @admin.display(description="What everybody is told")
    def told(self, provider: Provider) -> str:
        return provider.notice or "Nothing"

    @admin.display(description="Next try", ordering="paused_until", empty_value="None is needed")
    def next_try(self, provider: Provider) -> str | None:
        if provider.paused_until is None:
            return None
        return f"{timezone.localtime(provider.paused_until):%H:%M:%S}"

    @admin.display(description="Tries since BFL last took a task", ordering="pause_count")
    def tries(self, provider: Provider) -> str:
        return wording.tries(provider.pause_count) if provider.pause else "None"


@admin.register(BFLAccount)
class BFLAccountAdmin(MachineWritten):
    list_display = ("credits", "read_at", "since", "bill", "drift")

    @admin.display(description="counted since")
    def since(self, account: BFLAccount) -> datetime:
        return account.base_at

    @admin.display(description="our pictures cost")
    def bill(self, account: BFLAccount) -> str:
        return plain(balance.get_bill(account.base_at, account.read_at))

    @admin.display(description="BFL took more by")
    def drift(self, account: BFLAccount) -> str:
        view = balance.get_view()
        return plain(view.drift) if view else ""


@admin.register(Offer)
class OfferAdmin(admin.ModelAdmin[Offer]):
    """The price list. What it says holds from the next press on; no line is ever deleted."""

    list_display = ("endpoint", "bfl_price", "price", "is_enabled", "max_waiting", "last_cost")
    list_editable = ("bfl_price", "price", "is_enabled", "max_waiting")
    actions = None
    has_delete_permission = may_not

    def get_readonly_fields(self, request: HttpRequest, obj: Offer | None = None) -> tuple[str, ...]:
        return ("endpoint",) if obj else ()

    def save_model(
        self, request: HttpRequest, obj: Offer, form: forms.ModelForm[Offer], change: bool
    ) -> None:
        prices.save(obj, changed_by=person_of(request))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Offer]:
        told = Generation.objects.filter(endpoint=OuterRef("endpoint"), cost__isnull=False).order_by("-pk")
        return (
            super()
            .get_queryset(request)
            .annotate(cost=Subquery(told.values("cost")[:1]), sold=Subquery(told.values("bfl_price")[:1]))
        )

    @admin.display(description="BFL's last cost")
    def last_cost(self, offer: Offer) -> str:
        cost, sold = getattr(offer, "cost", None), getattr(offer, "sold", None)
        if cost is None or sold is None:
            return "Not said yet"
        return plain(cost) if cost == sold else f"{plain(cost)}, sold at {plain(sold)}: look at BFL's price"


@admin.register(OfferChange)
class OfferChangeAdmin(MachineWritten):
    list_display = ("changed_at", "endpoint", "field", "old", "new", "changed_by")
    list_filter = ("endpoint", "field")
    list_select_related = ("changed_by",)
