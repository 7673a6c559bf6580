from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from fluxsite.http import PersonRequest


@require_safe
def keys(request: PersonRequest) -> HttpResponse:
    """The keys of all pages: what `?` opens where there is script."""
    return render(request, "keys.html")
