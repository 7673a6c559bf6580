from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import QuerySet, Sum
from django.http import HttpRequest

from fluxsite.http import person_of
from generations import ledger
from generations.admin.readonly import MachineWritten, may_not
from generations.models import CreditAccount, CreditEntry


class GrantForm(forms.ModelForm[CreditEntry]):
    """Gives credits to a person; every other entry is written by the machine."""

    person = forms.ModelChoiceField(queryset=User.objects.order_by("username"))

    class Meta:
        model = CreditEntry
        fields = ("person", "amount", "note")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        try:
            ledger.check_grant(cleaned.get("amount", Decimal()), cleaned.get("note", ""))
        except ledger.InvalidAmount as invalid:
            raise forms.ValidationError(str(invalid)) from None
        return cleaned


@admin.register(CreditEntry)
class CreditEntryAdmin(admin.ModelAdmin[CreditEntry]):
    form = GrantForm
    list_display = ("created_at", "account", "kind", "amount", "note", "created_by")
    list_filter = ("kind", "created_at")
    list_select_related = ("account__user", "created_by")
    search_fields = ("account__user__username", "=generation__code", "note")
    ordering = ("-pk",)
    actions = None
    show_full_result_count = False
    has_change_permission = has_delete_permission = may_not

    def get_fields(self, request: HttpRequest, obj: CreditEntry | None = None) -> tuple[str, ...]:
        if obj is None:
            return ("person", "amount", "note")
        return ("account", "kind", "amount", "generation", "note", "created_at", "created_by")

    def save_model(
        self, request: HttpRequest, obj: CreditEntry, form: forms.ModelForm[CreditEntry], change: bool
    ) -> None:
        given = form.cleaned_data
        entry = ledger.grant(
            given["person"],
            given["amount"],
            note=given["note"],
            created_by=person_of(request),
        )
        # The admin goes on with the object it was given: its message and its log name that one.
        obj.__dict__.update(entry.__dict__)


@admin.register(CreditAccount)
class CreditAccountAdmin(MachineWritten):
    list_display = ("user", "balance")
    list_select_related = ("user",)
    search_fields = ("user__username",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[CreditAccount]:
        accounts: QuerySet[CreditAccount] = super().get_queryset(request)
        return accounts.annotate(total=Sum("entries__amount"))

    @admin.display(ordering="total")
    def balance(self, account: CreditAccount) -> str:
        return ledger.plain(Decimal(str(getattr(account, "total", None) or 0)))
