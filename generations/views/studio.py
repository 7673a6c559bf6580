from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from fluxsite.http import PersonRequest
from generations import bfl, ledger, lifecycle, offers, room
from generations.context_processors import Frame, frame_of
from generations.forms import GenerationForm, initial_of
from generations.models import Generation

RECENT_COUNT = 24
RECENT_FOR = timedelta(days=1)


@require_http_methods(["GET", "HEAD", "POST"])
def studio(request: PersonRequest) -> HttpResponse:
    if request.method == "POST":
        return _submit(request)
    source = _source(request)
    slug = request.GET.get("endpoint") or (source.endpoint if source else "")
    values = {**(source.params if source else {}), **request.GET.dict()}
    form = _form(request.user, slug, initial=values)
    return render(request, "generations/studio.html", {"form": form, **_progress_context(request)})


@require_POST
def studio_form(request: PersonRequest) -> HttpResponse:
    """The form for another endpoint, with every value that it takes too."""
    form = _form(request.user, request.POST.get("endpoint", ""), initial=_posted_values(request))
    return _render_form(request, form)


@require_GET
def progress(request: PersonRequest) -> HttpResponse:
    context = _progress_context(request)
    # htmx swaps nothing on 204, so that nothing moves and nobody's focus is lost.
    if request.GET.get("version") == context["version"]:
        return HttpResponse(status=204)
    return render(request, "generations/_progress.html", context)


@require_POST
def cancel(request: PersonRequest, code: uuid.UUID) -> HttpResponse:
    generation = _own(request.user, code)
    if not lifecycle.cancel(generation, canceled_by=request.user):
        messages.info(request, "That picture is already being made, so it can no longer be canceled.")
    return _back_to_progress(request)


@require_POST
def retry(request: PersonRequest, code: uuid.UUID) -> HttpResponse:
    try:
        lifecycle.retry(_own(request.user, code), request.user)
    except lifecycle.REFUSALS as refusal:
        messages.error(request, str(refusal))
    return _back_to_progress(request)


def _submit(request: PersonRequest) -> HttpResponse:
    slug = request.POST.get("endpoint", "")
    if slug in bfl.ENDPOINTS and request.POST.get("form_for") != slug:
        # Without script the settings on the page may be another endpoint's, and its price.
        form = _form(request.user, slug, initial=_posted_values(request))
        messages.info(request, f"These are the settings and the price of {form.endpoint.name}.")
        return _render_form(request, form)
    form = _form(request.user, slug, data=request.POST)
    if slug not in bfl.ENDPOINTS:
        form.add_error(None, "There is no such model. Choose one of these.")
    if not form.is_valid():
        return _render_form(request, form, status=422)
    try:
        generation = lifecycle.create(request.user, slug, form.params, token=form.token)[0]
    except lifecycle.REFUSALS as refusal:
        form.add_error(None, str(refusal))
        # Another tab may have spent what this one still saw.
        form.balance = ledger.get_balance(request.user)
        return _render_form(request, form, status=422)
    return _submitted(request, generation)


def _submitted(request: PersonRequest, generation: Generation) -> HttpResponse:
    if not request.htmx:
        return redirect(f"{reverse('studio')}?{urlencode({'from': generation.code})}")
    form = _form(request.user, generation.endpoint, initial=_posted_values(request))
    response = _render_form(request, form)
    response["HX-Trigger"] = "queue-changed"
    return response


def _form(
    user: User,
    slug: str,
    *,
    data: Mapping[str, Any] | None = None,
    initial: Mapping[str, Any] | None = None,
) -> GenerationForm:
    """Return the form for an endpoint; for one that does not exist, for the first that people may use."""
    listed = offers.get_list()
    switched_off = frozenset(name for name, line in listed.items() if not line.is_enabled)
    endpoints = {name: line.endpoint for name, line in listed.items()}
    offered = [entry for name, entry in endpoints.items() if name not in switched_off]
    endpoint = endpoints.get(slug) or next(iter(offered or endpoints.values()))
    return GenerationForm(
        endpoint,
        balance=ledger.get_balance(user),
        room=room.of(user, listed[endpoint.slug]),
        switched_off=switched_off,
        endpoints=endpoints,
        data=data,
        initial=initial_of(endpoint, initial or {}),
    )


def _render_form(request: PersonRequest, form: GenerationForm, *, status: int = 200) -> HttpResponse:
    if request.htmx:
        return render(request, "generations/_form.html", {"form": form}, status=status)
    context = {"form": form, **_progress_context(request)}
    return render(request, "generations/studio.html", context, status=status)


def _posted_values(request: PersonRequest) -> dict[str, str]:
    """Return what was posted, without what the endpoint drawn before had filled in by itself."""
    drawn = bfl.ENDPOINTS.get(request.POST.get("form_for", ""))
    parameters = drawn.parameters if drawn and drawn.slug != request.POST.get("endpoint") else ()
    untouched = {(parameter.name, str(parameter.default)) for parameter in parameters}
    values = {name: str(value) for name, value in request.POST.items() if (name, value) not in untouched}
    if custom := values.get("aspect_ratio_custom"):
        values["aspect_ratio"] = custom
    return values


def _source(request: PersonRequest) -> Generation | None:
    """Return the generation whose settings are to be used again, if it is this person's."""
    try:
        code = uuid.UUID(request.GET.get("from", ""))
    except ValueError:
        return None
    return Generation.objects.filter(user=request.user, code=code).first()


def _own(user: User, code: uuid.UUID) -> Generation:
    return get_object_or_404(user.generations, code=code)


def _back_to_progress(request: PersonRequest) -> HttpResponse:
    if request.htmx:
        return render(request, "generations/_progress.html", _progress_context(request))
    return redirect("studio")


def _progress_context(request: PersonRequest) -> dict[str, Any]:
    recent = _recent(request.user)
    moving = [generation for generation in recent if not generation.is_finished]
    frame = frame_of(request, request.user)
    return {
        "recent": recent,
        "moving": bool(moving),
        # A late picture, or the end of a pause, comes by itself; otherwise an idle page asks nothing.
        "may_change": bool(frame.provider_state.notice) or any(row.is_looked_for for row in recent),
        "summary": _summary(moving),
        "version": _version(frame, recent),
    }


def _recent(user: User) -> list[Generation]:
    """Return what is in progress and what has ended of late, newest first, so that ending moves no card."""
    mine = Generation.objects.filter(user=user).out_of_trash().newest_first().select_related("image")
    mine = mine.prefetch_related("entries")
    finished = mine.filter(finished_at__gt=timezone.now() - RECENT_FOR)[:RECENT_COUNT]
    both = [*mine.unfinished(), *finished]
    return sorted(both, key=lambda row: (row.created_at, row.pk), reverse=True)


def _summary(moving: list[Generation]) -> str:
    waiting = sum(generation.status == Generation.Status.QUEUED for generation in moving)
    working = len(moving) - waiting
    parts = []
    if working:
        parts.append(f"{working} picture{'s' if working > 1 else ''} in progress")
    if waiting:
        parts.append(f"{waiting} waiting")
    return f"{', '.join(parts)}." if parts else ""


def _version(frame: Frame, recent: list[Generation]) -> str:
    """Return a word that changes with anything that the fragment, the header and the notice show."""
    rows = [(row.pk, row.status, row.progress, row.attempts, row.is_looked_for) for row in recent]
    notice = (frame.provider_state.notice, frame.waiting_reason, frame.pause_line)
    state = (rows, frame.balance, frame.in_progress, notice)
    return hashlib.sha256(repr(state).encode()).hexdigest()[:16]
