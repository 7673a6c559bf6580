from __future__ import annotations

from decimal import Decimal

from django.db.models import Sum
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from fluxsite.http import PersonRequest
from generations.models import CreditEntry, Generation

PAGE_SIZE = 50


@require_safe
def credits(request: PersonRequest) -> HttpResponse:
    entries = CreditEntry.objects.filter(account__user=request.user).order_by("-pk")
    before = request.GET.get("before", "")
    if before.isascii() and before.isdecimal() and len(before) < 19:
        entries = entries.filter(pk__lt=int(before))
    shown = list(entries.select_related("generation__image", "created_by")[: PAGE_SIZE + 1])
    has_more = len(shown) > PAGE_SIZE
    context = {
        "entries": shown[:PAGE_SIZE],
        "next_url": f"{reverse('credits')}?before={shown[PAGE_SIZE - 1].pk}" if has_more else "",
        "on_hold": _on_hold(request),
    }
    return render(request, "generations/credits.html", context)


def _on_hold(request: PersonRequest) -> Decimal:
    """Return the credits that unfinished pictures have taken and may still give back."""
    unfinished = Generation.objects.filter(user=request.user).unfinished().order_by()
    return unfinished.aggregate(total=Sum("price"))["total"] or Decimal()
