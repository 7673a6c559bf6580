from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from fluxsite.http import PersonRequest
from generations.context_processors import frame_of
from generations.credits import ledger
from generations.credits.amounts import find_amount, plain
from generations.models import Generation
from generations.models.generation import GenerationQuerySet
from generations.pipeline import lifecycle
from generations.presentation import wording
from generations.studio import progress_panel
from generations.studio.progress_panel import Panel


@require_GET
def progress(request: PersonRequest) -> HttpResponse:
    """What is in sight; 204 while it is as the page has it already, so that nothing is drawn or moved.

    Where only the line has moved, which is nearly always, no more than the line is drawn.
    """
    shown, seen = _shown(request), request.GET.get("version", "")
    if seen == shown.version:
        return HttpResponse(status=204)
    if shown.differs_in_outlooks(seen):
        response = render(request, "studio/_estimates.html", {"panel": shown})
        response["HX-Reswap"] = "none"
        return response
    if "whole" in request.GET:
        return _render(request)
    context = _in_sight(request, shown)
    progress_panel.add_entries(context["groups"])
    return render(request, "studio/_progress.html", context)


@require_POST
def cancel(request: PersonRequest, code: uuid.UUID) -> HttpResponse:
    if not lifecycle.cancel(_own(request.user, code), canceled_by=request.user):
        messages.info(request, "That picture is already being made, so it can no longer be canceled.")
    return _back(request)


@require_POST
def cancel_press(request: PersonRequest, code: uuid.UUID) -> HttpResponse:
    """Cancel what still waits of the pictures that one press bought."""
    return _cancel_waiting(request, request.user.generations.of_press_of(_own(request.user, code)))


@require_POST
def cancel_all(request: PersonRequest) -> HttpResponse:
    return _cancel_waiting(request, request.user.generations.all())


def _cancel_waiting(request: PersonRequest, generations: GenerationQuerySet) -> HttpResponse:
    canceled = lifecycle.cancel_waiting(request.user, generations)
    if canceled:
        came_back = plain(ledger.sum_of_prices(canceled))
        told = f"{wording.pictures(len(canceled))} canceled; {came_back} refunded."
    else:
        told = "Nothing waits any more, so nothing was canceled."
    messages.info(request, told)
    return _back(request)


@require_POST
def retry(request: PersonRequest, code: uuid.UUID) -> HttpResponse:
    try:
        price = find_amount(request.POST.get("price", ""))
        tried = lifecycle.retry(_own(request.user, code), request.user, price=price)
    except lifecycle.REFUSALS as refusal:
        messages.error(request, str(refusal))
    else:
        if tried.is_succeeded:
            messages.info(request, "That was tried again before, and its picture is in your gallery.")
    return _back(request)


@require_POST
def clear(request: PersonRequest, code: uuid.UUID) -> HttpResponse:
    """Take what has ended of one press out of sight. It stays in the gallery."""
    lifecycle.mark_seen(request.user.generations.of_press_of(_own(request.user, code)))
    return _back(request)


@require_POST
def clear_all(request: PersonRequest) -> HttpResponse:
    lifecycle.mark_seen(request.user.generations.all())
    return _back(request)


def context_of(request: PersonRequest) -> dict[str, Any]:
    """Return all that the right side of the studio shows."""
    context = _in_sight(request, _shown(request))
    recent = progress_panel.recent_groups(request.user, context["groups"])
    progress_panel.add_entries([*context["groups"], *recent])
    return context | {"recent": recent}


def _shown(request: PersonRequest) -> Panel:
    most = progress_panel.MOST_ASKED_FOR if _wants_all(request) else progress_panel.MOST_UNSEEN
    return progress_panel.show(request.user, frame_of(request, request.user), most=most)


def _in_sight(request: PersonRequest, shown: Panel) -> dict[str, Any]:
    groups = progress_panel.groups_of(shown, request.user)
    return {
        "panel": shown,
        "groups": groups,
        "unseen_count": progress_panel.count_unseen(groups),
        "shows_all": _wants_all(request),
    }


def _wants_all(request: PersonRequest) -> bool:
    """Whether more than the newest is to be in sight: a page at that address says so with all it asks for."""
    return "all" in request.GET or "all" in request.POST


def _own(user: User, code: uuid.UUID) -> Generation:
    return get_object_or_404(user.generations, code=code)


def _back(request: PersonRequest) -> HttpResponse:
    return _render(request) if request.htmx else redirect("studio")


def _render(request: PersonRequest) -> HttpResponse:
    return render(request, "studio/_progress.html", context_of(request))
