"""Black Forest Labs' API as a small typed library. It knows nothing of Django or of this site."""

from __future__ import annotations

from generations.bfl.catalogue import ENDPOINTS, Endpoint, InvalidParameters
from generations.bfl.client import Client
from generations.bfl.errors import BFLError
from generations.bfl.hosts import API_BASES, Hosts
from generations.bfl.results import Result, Status, Submission

__all__ = [
    "API_BASES",
    "ENDPOINTS",
    "BFLError",
    "Client",
    "Endpoint",
    "Hosts",
    "InvalidParameters",
    "Result",
    "Status",
    "Submission",
]
