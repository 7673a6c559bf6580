from __future__ import annotations

from django.contrib import admin

from generations.admin.readonly import MachineWritten
from generations.models import Offer, Provider


@admin.register(Provider)
class ProviderAdmin(MachineWritten):
    list_display = ("__str__", "paused_until", "pause_detail")


@admin.register(Offer)
class OfferAdmin(admin.ModelAdmin[Offer]):
    list_display = ("endpoint", "is_enabled")
    list_editable = ("is_enabled",)
