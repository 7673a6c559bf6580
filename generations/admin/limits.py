from __future__ import annotations

from django.contrib import admin

from generations.models import Limit


@admin.register(Limit)
class LimitAdmin(admin.ModelAdmin[Limit]):
    list_display = ("__str__", "scope", "group", "person", "period", "credits", "until")
    list_filter = ("scope", "period")
    list_select_related = ("group", "person")
    search_fields = ("person__username", "group__name")
