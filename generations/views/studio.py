from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from fluxsite.http import PersonRequest
from generations import bfl
from generations.bfl import Endpoint
from generations.context_processors import frame_of
from generations.credits import ledger, prices
from generations.credits.prices import Listed
from generations.models import Draft, Generation
from generations.pipeline import lifecycle
from generations.presentation import wording
from generations.studio import drafts, prompt_history, quote
from generations.studio.endpoint_switch import Fitted, fit
from generations.studio.estimates import typical_seconds
from generations.studio.form import GenerationForm, initial_of
from generations.views import progress

# An address with one of these fills the form.
FILLING = drafts.NAMES | {"from", "past"}
# What a picture has put into the form: the words may be those that stood there before.
_USED = {
    "vary": "Same settings, new seed.",
    "prompt": "The prompt of that picture.",
    "seed": "The seed of that picture.",
}


@dataclass(frozen=True, slots=True)
class EndpointChoice:
    listed: Listed
    usually: str
    """How long a picture takes, in words."""
    is_chosen: bool


@require_http_methods(["GET", "HEAD", "POST"])
def studio(request: PersonRequest) -> HttpResponse:
    if request.method == "POST":
        return _submit(request)
    if request.method == "GET" and request.GET.keys() & FILLING:
        return _fill(request)
    response = _draw(request)
    # Kept for *Back*, unlike other pages: the form comes back with the token that it was pressed with.
    response["Cache-Control"] = "private, no-cache"
    return response


@require_POST
def studio_form(request: PersonRequest) -> HttpResponse:
    """The form for another endpoint, with every value that it takes too; or with one setting reset."""
    posted = request.POST.dict()
    posted.pop(posted.get("reset", ""), None)
    # Together, or a save that is still on its way writes between the two, and its form would be drawn.
    with transaction.atomic():
        fitted = _keep_fitted(request.user, posted)
        kept = drafts.get(request.user)
    return _draw(request, kept=kept, note=fitted.sentence, fresh="settings")


@require_safe
def foot(request: PersonRequest) -> HttpResponse:
    """The button with its price and what stands beside it, as things are now."""
    listing = prices.get_list()
    endpoint = _endpoint(_slug(request.GET), listing)
    form = GenerationForm(endpoint, initial=initial_of(endpoint, request.GET.dict()))
    return render(request, "studio/_submit_bar.html", _context(request, form, listing))


@require_POST
def draft(request: PersonRequest) -> HttpResponse:
    """Keep what is being typed; for htmx, which brings it back after a login, draw the form as it is now."""
    drafts.keep(request.user, request.POST.dict())
    if request.POST.get("then") == "past-prompts":
        return redirect("past-prompts")
    return _draw(request, fresh="all") if request.htmx else HttpResponse(status=204)


@require_POST
def fill(request: PersonRequest) -> HttpResponse:
    """Keep what stands in the form, then put what the address names in its place."""
    # Together, or a press that is still on its way writes between the two, and is what undo brings back.
    with transaction.atomic():
        drafts.keep(request.user, request.POST.dict())
        fitted = _replace(request)
        # Drawn as it is here: a save of what was typed before may still be on its way, and come after this.
        kept = drafts.get(request.user)
    return _filled(request, fitted, kept)


@require_POST
def undo(request: PersonRequest) -> HttpResponse:
    """Bring back what stood in the form before it was filled anew."""
    with transaction.atomic():
        drafts.keep(request.user, request.POST.dict())
        drafts.undo(request.user)
        kept = drafts.get(request.user)
    return _draw(request, kept=kept, fresh="all") if request.htmx else redirect("studio")


@require_POST
def forget(request: PersonRequest) -> HttpResponse:
    drafts.keep(request.user, request.POST.dict())
    drafts.forget(request.user)
    return _draw(request) if request.htmx else redirect("studio")


def _fill(request: PersonRequest) -> HttpResponse:
    """Put what the address names into the form; then show it at an address that does not do so again.

    A GET that writes, because a link is how a picture asks for it. What it writes is the person's own draft,
    and undo brings back what stood there.
    """
    if request.headers.get("Sec-Purpose", "").startswith("prefetch"):
        # A browser that looks ahead is nobody who has asked for it.
        return HttpResponse(status=204)
    return _filled(request, _replace(request))


def _replace(request: PersonRequest) -> Fitted:
    source = _source(request.user, request.GET.get("from", ""))
    fitted = _fitted(_named(request, source))
    drafts.replace(request.user, fitted.values)
    if source is None:
        return fitted
    used = _USED.get(request.GET.get("use", ""), "Same settings.")
    return replace(fitted, sentence=f"{used} {fitted.sentence}".strip())


def _filled(request: PersonRequest, fitted: Fitted, kept: Draft | None = None) -> HttpResponse:
    if request.htmx:
        return _draw(request, kept=kept, note=fitted.sentence, fresh="all")
    if fitted.sentence:
        messages.info(request, fitted.sentence)
    # Whoever comes from a picture finds the focus in the form.
    return redirect(f"{reverse('studio')}#id_prompt" if "from" in request.GET else "studio")


def _named(request: PersonRequest, source: Generation | None) -> dict[str, Any]:
    """Return the draft with what the address names in it: a picture's, a past prompt, single values."""
    form, asked = drafts.get(request.user).form, request.GET.dict()
    filled: dict[str, Any] = {**form, **{name: asked[name] for name in asked.keys() & drafts.NAMES}}
    if source:
        filled = drafts.fill(filled, source, asked.get("use", ""))
    elif "from" in asked:
        messages.info(request, "There is no such picture of yours, so the form is as it was.")
    if past := prompt_history.get_text(request.user, asked.get("past", "")):
        filled["prompt"] = past
    # Nobody is to buy 64 again by accident.
    return form if filled == form else {**filled, "count": 1}


def _source(user: User, code: str) -> Generation | None:
    try:
        return Generation.objects.filter(user=user, code=uuid.UUID(code)).first()
    except ValueError:
        return None


def _submit(request: PersonRequest) -> HttpResponse:
    posted = request.POST.dict()
    drafts.keep(request.user, posted)
    slug = _slug(posted)
    if slug in bfl.ENDPOINTS and posted.get("form_for") != slug:
        # Without script the settings on the page may be another endpoint's, and its price.
        fitted = _keep_fitted(request.user, posted)
        named = f"These are the settings and the price of {bfl.ENDPOINTS[slug].name}."
        return _draw(request, note=f"{named} {fitted.sentence}".strip())
    form = GenerationForm(bfl.ENDPOINTS.get(slug) or next(iter(bfl.ENDPOINTS.values())), data=posted)
    if slug not in bfl.ENDPOINTS:
        form.add_error(None, "There is no such model. Choose one of these.")
    if form.is_valid():
        try:
            return _submitted(request, _press(request, slug, form))
        except lifecycle.REFUSALS as refusal:
            form.add_error(None, str(refusal))
    return _render_form(request, form, prices.get_list(), drafts.get(request.user), status=422)


def _press(request: PersonRequest, slug: str, form: GenerationForm) -> list[Generation]:
    """Buy, and remember the prompt: both or neither. Raises one of lifecycle.REFUSALS."""
    user, began_at = request.user, timezone.now()
    with ledger.keeping_ends(user.pk), transaction.atomic():
        bought = lifecycle.create_each(user, slug, form.requests, token=form.token, price=form.price)
        prompt_history.remember(user, bought[0].prompt)
        if form.token:
            drafts.end_press(user, form.token)
    if bought[0].created_at < began_at:
        messages.info(request, wording.BOUGHT_BEFORE)
    return bought


def _submitted(request: PersonRequest, bought: list[Generation]) -> HttpResponse:
    if not request.htmx:
        return redirect(f"{reverse('studio')}?{urlencode({'pressed': bought[0].code})}")
    response = _draw(request)
    response["HX-Trigger"] = "queue-changed"
    return response


def _keep_fitted(user: User, posted: Mapping[str, Any]) -> Fitted:
    """Save what fits; where that is not all, undo brings back the form of the endpoint before."""
    fitted = _fitted(posted)
    if fitted.sentence:
        with transaction.atomic():
            drafts.keep(user, {**posted, "endpoint": posted.get("form_for")})
            drafts.replace(user, fitted.values)
    else:
        drafts.keep(user, fitted.values)
    return fitted


def _slug(given: Mapping[str, str]) -> str:
    """Return the endpoint asked for; the one drawn where its button, being switched off, sends nothing."""
    return given.get("endpoint") or given.get("form_for", "")


def _fitted(given: Mapping[str, Any]) -> Fitted:
    """Return what of the given values goes with the endpoint that they name."""
    drawn = bfl.ENDPOINTS.get(str(given.get("form_for", "")))
    values = {name: str(value) for name, value in given.items() if value is not None}
    slug = _slug(values)
    endpoint = bfl.ENDPOINTS.get(slug)
    if endpoint is None:
        gone = f"The model {slug[:40]} is not offered any more." if slug else ""
        return Fitted({name: value for name, value in values.items() if name != "endpoint"}, gone)
    changed_from = drawn if drawn != endpoint else None
    fitted = fit(endpoint, values, drawn=changed_from)
    return Fitted({**fitted.values, "endpoint": slug, "form_for": slug}, fitted.sentence)


def _draw(
    request: PersonRequest, *, kept: Draft | None = None, note: str = "", fresh: str = ""
) -> HttpResponse:
    """Draw the form as the draft has it, or as it was `kept` a moment ago.

    A script leaves alone what is being typed in a form that comes anew, except what `fresh` names: all of it,
    or the settings without the prompt.
    """
    listing = prices.get_list()
    kept = kept or drafts.get(request.user)
    endpoint = _endpoint(kept.form.get("endpoint", ""), listing)
    form = GenerationForm(endpoint, initial=initial_of(endpoint, kept.form))
    return _render_form(request, form, listing, kept, note=note, fresh=fresh)


def _endpoint(slug: str, listing: Mapping[str, Listed]) -> Endpoint:
    """Return the endpoint of a name; for one that does not exist, the first that people may use."""
    offered = [line.endpoint for line in listing.values() if line.is_enabled]
    chosen = listing.get(slug)
    return chosen.endpoint if chosen else next(iter(offered or [next(iter(listing.values())).endpoint]))


def _context(request: PersonRequest, form: GenerationForm, listing: Mapping[str, Listed]) -> dict[str, Any]:
    frame = frame_of(request, request.user)
    here = quote.of(request.user, listing[form.endpoint.slug], frame)
    return {
        "form": form,
        "models": _choices(listing, form.endpoint),
        "room": here,
        "quote": here.quote(form.count),
        "stand": frame.stand,
    }


def _choices(listing: Mapping[str, Listed], chosen: Endpoint) -> list[EndpointChoice]:
    seconds = typical_seconds()
    return [
        EndpointChoice(line, wording.about(seconds[slug]), slug == chosen.slug)
        for slug, line in listing.items()
    ]


def _render_form(
    request: PersonRequest,
    form: GenerationForm,
    listing: Mapping[str, Listed],
    kept: Draft,
    *,
    status: int = 200,
    **told: object,
) -> HttpResponse:
    template = "studio/_form.html" if request.htmx else "studio/studio.html"
    # First what is in progress: what waits there need not be counted again.
    context = told if request.htmx else told | progress.context_of(request)
    context |= _context(request, form, listing) | _kept_context(kept)
    return render(request, template, context, status=status)


def _kept_context(kept: Draft) -> dict[str, object]:
    return {"before": kept.before, "lost_words": drafts.lost_words(kept), "press": kept.token}
