from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from fluxsite.http import PersonRequest


@require_safe
def explain(request: PersonRequest) -> HttpResponse:
    """What sandbox pictures are and, for staff, how to connect the site to BFL."""
    return render(request, "sandbox.html")
