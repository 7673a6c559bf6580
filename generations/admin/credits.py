from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from fluxsite.http import person_of
from generations.admin.readonly import MachineWritten, may_not
from generations.credits import grants, ledger
from generations.models import CreditAccount, CreditEntry, GrantPlan

LIST = "admin:generations_creditentry_changelist"


class GrantForm(forms.Form):
    """What is to be given, and to whom. `order` holds it once the form is valid."""

    order: grants.Order

    people = forms.ModelMultipleChoiceField(
        User.objects.filter(is_active=True).order_by("username"), required=False
    )
    group = forms.ModelChoiceField(
        Group.objects.order_by("name"), required=False, help_text="All its members."
    )
    amount = forms.DecimalField(help_text="Credits for each; one is worth 0.01 USD at BFL.")
    note = forms.CharField(label="Reason", max_length=200, help_text="Shown to the people.")
    is_monthly = forms.BooleanField(
        label="Each month", required=False, help_text="Now, and again at the start of each month."
    )
    expires = forms.BooleanField(
        label="Expires", required=False, help_text="What is left of it at the month's end goes."
    )

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        if not self.errors:
            self.order = grants.Order(**given)
            try:
                grants.check(self.order)
            except ledger.InvalidAmount as invalid:
                raise forms.ValidationError(str(invalid)) from None
        return given


class ConfirmForm(forms.Form):
    """What the preview adds to it: a token, drawn with each, so that a second click gives nothing."""

    token = forms.UUIDField()


class UndoForm(forms.Form):
    note = forms.CharField(label="Reason", max_length=200, help_text="Shown to the person.")


@admin.register(CreditEntry)
class CreditEntryAdmin(admin.ModelAdmin[CreditEntry]):
    """Grants are given and taken back here; every other entry is written by the machine."""

    list_display = ("created_at", "account", "kind", "amount", "balance_after", "note", "created_by")
    list_filter = ("kind", "created_at")
    list_select_related = ("account__user", "created_by")
    search_fields = ("account__user__username", "=generation__code", "note")
    ordering = ("-pk",)
    actions = None
    show_full_result_count = False
    has_change_permission = has_delete_permission = may_not
    readonly_fields = ("undo_link",)
    fields = (
        "account",
        "kind",
        "amount",
        "balance_after",
        "generation",
        "counters",
        "expires_at",
        "plan",
        "note",
        "created_at",
        "created_by",
        "undo_link",
    )

    def get_urls(self) -> list[URLPattern]:
        undo = self.admin_site.admin_view(self.undo_view)
        own = path("<int:pk>/undo/", undo, name="generations_creditentry_undo")
        return [own, *super().get_urls()]

    @admin.display(description="take back")
    def undo_link(self, entry: CreditEntry) -> str:
        try:
            ledger.get_left(entry)
        except ledger.NothingToUndo:
            return "–"
        return format_html(
            '<a href="{}">Take this grant back</a>',
            reverse("admin:generations_creditentry_undo", args=[entry.pk]),
        )

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Ask, show what would come of it, and do it when that is confirmed."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form, confirmed = GrantForm(request.POST or None), ConfirmForm(request.POST)
        is_sound = form.is_valid()
        if is_sound and "confirm" in request.POST and confirmed.is_valid():
            self._give(request, form.order, confirmed.cleaned_data["token"])
            return redirect(LIST)
        lines = grants.preview(form.order) if is_sound and "change" not in request.POST else []
        context = {"form": form, "lines": lines, "token": uuid.uuid4()}
        return self._page(request, "grant", "Give credits", context)

    def _give(self, request: HttpRequest, order: grants.Order, token: uuid.UUID) -> None:
        try:
            entries = grants.carry_out_once(order, created_by=person_of(request), token=token)
        except grants.AlreadyGiven as refusal:
            messages.warning(request, str(refusal))
            return
        for entry in entries:
            self.log_addition(request, entry, entry.note)
        messages.success(request, f"Given: {ledger.plain(order.amount)} credits × {len(entries)}.")

    def undo_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show what taking a grant back would take, and do it when a reason is given."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        entry = get_object_or_404(CreditEntry, pk=pk)
        form = UndoForm(request.POST or None)
        try:
            if form.is_valid():
                self._undo(request, entry, form.cleaned_data["note"])
                return redirect(LIST)
            context = {"form": form, "entry": entry, "amount": ledger.get_left(entry)}
        except ledger.NothingToUndo as refusal:
            messages.warning(request, str(refusal))
            return redirect(LIST)
        return self._page(request, "undo", "Take a grant back", context)

    def _undo(self, request: HttpRequest, entry: CreditEntry, note: str) -> None:
        taken = ledger.undo(entry, note=note, created_by=person_of(request))
        self.log_addition(request, taken, taken.note)
        messages.success(request, f"Taken back: {ledger.plain(-taken.amount)} credits.")

    def _page(self, request: HttpRequest, name: str, title: str, context: dict[str, Any]) -> HttpResponse:
        context |= {**self.admin_site.each_context(request), "title": title, "opts": self.opts}
        return TemplateResponse(request, f"admin/generations/creditentry/{name}.html", context)


@admin.register(CreditAccount)
class CreditAccountAdmin(MachineWritten):
    list_display = ("user", "balance")
    list_select_related = ("user",)
    search_fields = ("user__username",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[CreditAccount]:
        accounts: QuerySet[CreditAccount] = super().get_queryset(request)
        newest = CreditEntry.objects.newest_of_account(OuterRef("pk"))
        return accounts.annotate(total=Subquery(newest.values("balance_after")[:1]))

    @admin.display(ordering="total")
    def balance(self, account: CreditAccount) -> str:
        return ledger.plain(getattr(account, "total", None) or Decimal())


@admin.register(GrantPlan)
class GrantPlanAdmin(MachineWritten):
    """Monthly grants, begun where credits are given. Here they are stopped."""

    list_display = ("__str__", "group", "named", "expires", "created_by", "created_at", "stopped_at")
    list_filter = ("expires", "stopped_at")
    list_select_related = ("group", "created_by")
    search_fields = ("note", "people__username", "group__name")
    ordering = ("-pk",)
    actions = ("stop",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[GrantPlan]:
        plans: QuerySet[GrantPlan] = super().get_queryset(request)
        return plans.prefetch_related("people")

    @admin.display(description="people")
    def named(self, plan: GrantPlan) -> str:
        return ", ".join(person.username for person in plan.people.all())

    def has_stop_permission(self, request: HttpRequest) -> bool:
        return person_of(request).has_perm("generations.change_grantplan")

    @admin.action(description="Stop: what was given stays, no more is given", permissions=["stop"])
    def stop(self, request: HttpRequest, queryset: QuerySet[GrantPlan]) -> HttpResponse | None:
        plans = queryset.filter(stopped_at=None)
        if plans and "confirm" not in request.POST:
            own = {"title": "Stop monthly grants", "opts": self.opts, "plans": plans}
            context = self.admin_site.each_context(request) | own
            return TemplateResponse(request, "admin/generations/grantplan/stop.html", context)
        stopped = [plan for plan in plans if grants.stop(plan)]
        for plan in stopped:
            self.log_change(request, plan, "Stopped")
        messages.info(request, f"Stopped {len(stopped)}.")
        return None
