from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from fluxsite.http import person_of
from generations import lifecycle
from generations.admin.readonly import MachineWritten, MachineWrittenLines
from generations.models import Delivery, GeneratedImage, Generation, GenerationEvent


class EventLines(MachineWrittenLines):
    model = GenerationEvent
    fields = ("created_at", "kind", "detail", "created_by")
    readonly_fields = fields


class DeliveryLines(MachineWrittenLines):
    model = Delivery
    fields = ("received_at", "bfl_status", "digest")
    readonly_fields = fields


@admin.register(Generation)
class GenerationAdmin(MachineWritten):
    list_display = ("created_at", "user", "endpoint", "status", "failure_code", "price", "short_prompt")
    list_filter = ("status", "failure_code", "endpoint", "created_at")
    list_select_related = ("user",)
    search_fields = ("=code", "=bfl_id", "user__username", "params__prompt")
    date_hierarchy = "created_at"
    ordering = ("-created_at", "-pk")
    show_full_result_count = False
    # A link that BFL signed opens the picture to whoever has it.
    exclude = ("sample_url",)
    inlines = (EventLines, DeliveryLines)
    actions = ("cancel_waiting",)

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return person_of(request).has_perm("generations.change_generation")

    @admin.display(description="Prompt")
    def short_prompt(self, generation: Generation) -> str:
        return generation.prompt[:60]

    @admin.action(description="Cancel what still waits; the credits come back", permissions=["cancel"])
    def cancel_waiting(self, request: HttpRequest, queryset: QuerySet[Generation]) -> None:
        staff = person_of(request)
        canceled = sum(lifecycle.cancel(generation, canceled_by=staff) for generation in queryset)
        kept = queryset.count() - canceled
        messages.info(request, f"Canceled {canceled}. {kept} had already gone to BFL or ended.")


@admin.register(GeneratedImage)
class GeneratedImageAdmin(MachineWritten):
    list_display = ("generation", "format", "width", "height", "byte_size")
    list_filter = ("format",)
    list_select_related = ("generation",)
    search_fields = ("=generation__code", "=sha256")
    ordering = ("-pk",)
    show_full_result_count = False


@admin.register(Delivery)
class DeliveryAdmin(MachineWritten):
    list_display = ("received_at", "generation", "bfl_status")
    list_select_related = ("generation",)
    search_fields = ("=generation__code",)
    ordering = ("-pk",)
    show_full_result_count = False


@admin.register(GenerationEvent)
class GenerationEventAdmin(MachineWritten):
    list_display = ("created_at", "generation", "kind", "detail")
    list_filter = ("kind",)
    list_select_related = ("generation",)
    search_fields = ("=generation__code",)
    ordering = ("-pk",)
    show_full_result_count = False
