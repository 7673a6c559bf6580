from __future__ import annotations

from django.contrib import admin
from django.utils import timezone

from generations import words
from generations.admin.readonly import MachineWritten
from generations.models import Offer, Provider


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
        return words.tries(provider.pause_count) if provider.pause else "None"


@admin.register(Offer)
class OfferAdmin(admin.ModelAdmin[Offer]):
    list_display = ("endpoint", "is_enabled")
    list_editable = ("is_enabled",)
