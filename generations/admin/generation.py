from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, Q, QuerySet, Window
from django.db.models.functions import Lag
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html

from fluxsite.http import person_of
from generations.admin.readonly import MachineWritten, MachineWrittenLines
from generations.models import Delivery, GeneratedImage, Generation, GenerationEvent, Press
from generations.pipeline import lifecycle
from generations.presentation import wording


def picture_of(image: GeneratedImage) -> str:
    """Return the thumbnail, which leads to the original."""
    page = image.generation.get_absolute_url()
    markup = '<a href="{}image"><img src="{}thumbnail" alt="{}" width="{}" height="{}"></a>'
    size = (image.thumbnail_width // 2, image.thumbnail_height // 2)
    return format_html(markup, page, page, image.generation.alt, *size)


class ImageLines(MachineWrittenLines):
    model = GeneratedImage
    fields = ("picture", "format", "width", "height", "byte_size", "sha256")
    readonly_fields = fields

    @admin.display(description="Picture")
    def picture(self, image: GeneratedImage) -> str:
        return picture_of(image)


class EventLines(MachineWrittenLines):
    model = GenerationEvent
    verbose_name_plural = "timeline"
    fields = ("at", "since", "what", "detail", "created_by")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[GenerationEvent]:
        events: QuerySet[GenerationEvent] = super().get_queryset(request)
        turns = Count("pk", filter=Q(kind=GenerationEvent.Kind.SUBMITTING))
        return events.select_related("created_by").annotate(
            before=Window(Lag("created_at"), partition_by="generation", order_by="pk"),
            attempt=Window(turns, partition_by="generation", order_by="pk"),
        )

    @admin.display(description="When")
    def at(self, event: GenerationEvent) -> str:
        return date_format(timezone.localtime(event.created_at), "j M Y, H:i:s")

    @admin.display(description="Since the line before")
    def since(self, event: GenerationEvent) -> str:
        before = getattr(event, "before", None)
        return f"+{wording.duration(event.created_at - before)}" if before else ""

    @admin.display(description="What")
    def what(self, event: GenerationEvent) -> str:
        is_turn = event.kind == GenerationEvent.Kind.SUBMITTING
        return f"{event.title}, attempt {getattr(event, 'attempt', '')}" if is_turn else event.title


class DeliveryLines(MachineWrittenLines):
    model = Delivery
    fields = ("received_at", "bfl_status", "digest")
    readonly_fields = fields


class NeedsALook(admin.SimpleListFilter):
    """What BFL may have been paid for and nobody has; of a week, so that the list grows short again."""

    title = "what needs a look"
    parameter_name = "look"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [("yes", f"Outcome unknown or not saved, last 7 days ({_to_look_at().count()})")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Generation]) -> QuerySet[Generation]:
        return queryset & _to_look_at() if self.value() == "yes" else queryset


def _to_look_at() -> QuerySet[Generation]:
    codes = [Generation.FailureCode.OUTCOME_UNKNOWN, Generation.FailureCode.STORING_FAILED]
    a_week_ago = timezone.now() - timedelta(days=7)
    return Generation.objects.filter(failure_code__in=codes, finished_at__gt=a_week_ago)


@admin.register(Generation)
class GenerationAdmin(MachineWritten):
    # Its page is its owner's alone.
    view_on_site = False
    list_display = (
        "created_at",
        "user",
        "endpoint",
        "status",
        "failure_code",
        "late",
        "price",
        "short_prompt",
    )
    list_filter = (NeedsALook, "status", "failure_code", "is_late", "endpoint", "created_at")
    list_select_related = ("user",)
    search_fields = ("=code", "=bfl_id", "user__username", "params__prompt")
    date_hierarchy = "created_at"
    ordering = ("-created_at", "-pk")
    show_full_result_count = False
    # A link that BFL signed opens the picture to whoever has it.
    exclude = ("sample_url",)
    readonly_fields = ("in_short",)
    inlines = (ImageLines, EventLines, DeliveryLines)
    actions = ("cancel_waiting",)

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return person_of(request).has_perm("generations.change_generation")

    @admin.display(description="Late", ordering="is_late")
    def late(self, generation: Generation) -> str:
        return "Free" if generation.is_late else ""

    @admin.display(description="In short")
    def in_short(self, generation: Generation) -> str:
        return generation.in_short

    @admin.display(description="Prompt")
    def short_prompt(self, generation: Generation) -> str:
        return generation.prompt[:60]

    @admin.action(description="Cancel what still waits; the credits come back", permissions=["cancel"])
    def cancel_waiting(self, request: HttpRequest, queryset: QuerySet[Generation]) -> None:
        staff = person_of(request)
        canceled = sum(lifecycle.cancel(generation, canceled_by=staff) for generation in queryset)
        kept = queryset.count() - canceled
        messages.info(request, f"Canceled {canceled}. {kept} had already gone to BFL or ended.")


class BoughtLines(MachineWrittenLines):
    model = Generation
    verbose_name_plural = "bought"
    view_on_site = False
    fields = ("created_at", "endpoint", "status", "price", "code")
    readonly_fields = fields
    show_change_link = True


@admin.register(Press)
class PressAdmin(MachineWritten):
    list_display = ("created_at", "user", "token", "bought")
    list_select_related = ("user",)
    search_fields = ("user__username", "=token")
    ordering = ("-pk",)
    show_full_result_count = False
    inlines = (BoughtLines,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Press]:
        presses: QuerySet[Press] = super().get_queryset(request)
        return presses.annotate(bought=Count("generations"))

    @admin.display(description="Pictures")
    def bought(self, press: Press) -> int:
        return int(getattr(press, "bought", 0))


@admin.register(GeneratedImage)
class GeneratedImageAdmin(MachineWritten):
    list_display = ("generation", "format", "width", "height", "byte_size")
    list_filter = ("format",)
    list_select_related = ("generation",)
    search_fields = ("=generation__code", "=sha256")
    ordering = ("-pk",)
    show_full_result_count = False
    # Their names lead nowhere: files are sent to whoever may see them, from the picture's address.
    exclude = ("file", "thumbnail", "placeholder")
    readonly_fields = ("picture",)

    @admin.display(description="Picture")
    def picture(self, image: GeneratedImage) -> str:
        return picture_of(image)


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
