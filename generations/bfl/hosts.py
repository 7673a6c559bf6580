"""Which addresses we talk to. The key goes to API hosts only, pictures come from delivery hosts only."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

API_BASES = {
    "global": "https://api.bfl.ai",
    "eu": "https://api.eu.bfl.ai",
    "us": "https://api.us.bfl.ai",
    "eu1": "https://api.eu1.bfl.ai",
    "us1": "https://api.us1.bfl.ai",
}
"""The hosts that take submissions (docs.bfl.ai, quick start); eu1 and us1 are the old single clusters."""

# eu3 and us4 are known as regions that deliver, the gateway from other clients: asking them costs a 404.
_EU = ("api.eu1", "api.eu2", "api.eu3", "api.eu4")
_US = ("api.us1", "api.us2", "api.us3", "api.us4")
_CLUSTERS = {
    "api.eu.bfl.ai": _EU,
    "api.us.bfl.ai": _US,
    "api.bfl.ai": (*_EU, *_US, "api.isr", "gateway"),
}
# Storage accounts seen in recorded answers of BFL: bfldeliveryprodeu4, bfldeliveryscus.
_BFL = re.compile(r"([a-z0-9-]+\.)+bfl\.ai")
_AZURE_DELIVERY = re.compile(r"bfldelivery[a-z0-9]+\.blob\.core\.windows\.net")


@dataclass(frozen=True, slots=True)
class Hosts:
    """BFL's own hosts over https, and `extra`: `host` or `host:port`, http there only for loopback."""

    extra: frozenset[str] = frozenset()

    def is_api(self, url: str) -> bool:
        """Whether the key may be sent there."""
        parts = _split(url)
        return parts is not None and (self._is_extra(parts) or _is_bfl(parts))

    def is_delivery(self, url: str) -> bool:
        """Whether a picture may be fetched from there."""
        parts = _split(url)
        if parts is None:
            return False
        azure = parts.scheme == "https" and parts.port is None and parts.hostname
        return self.is_api(url) or bool(azure and _AZURE_DELIVERY.fullmatch(azure))

    def clusters_of(self, base: str) -> list[str]:
        """Return the bases at which a task submitted at `base` may live, `base` first.

        BFL's tasks are known to one cluster only, and it does not say which when a webhook is set.
        """
        parts = urlsplit(base)
        if _is_bfl(parts):
            # What is extra there are hosts that deliver, and these never see the key.
            return [base, *(f"https://{name}.bfl.ai" for name in _CLUSTERS.get(parts.hostname or "", ()))]
        others = [f"{parts.scheme}://{extra}" for extra in sorted(self.extra)]
        return [base, *(other for other in others if other != base and self.is_api(other))]

    def _is_extra(self, parts: SplitResult) -> bool:
        allowed = parts.netloc in self.extra or f"{parts.hostname}" in self.extra
        return allowed and (parts.scheme == "https" or _is_loopback(parts.hostname or ""))


def _split(url: str) -> SplitResult | None:
    """Return the parts of an http(s) address, or None for what two readers might read differently."""
    if any(
        not character.isascii() or not character.isprintable() or character in ' \\"<>' for character in url
    ):
        return None
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  # raises ValueError for a port that is no number
    except ValueError:
        return None
    usable = parts.scheme in ("https", "http") and parts.hostname and "@" not in parts.netloc
    return parts if usable else None


def host_of(url: str) -> str:
    """Return the host for a message, whatever the address looks like."""
    try:
        return urlsplit(url).hostname or "nothing"
    except ValueError:
        return "an unreadable address"


def is_on_this_machine(url: str) -> bool:
    """Return whether an address is on loopback, where only a sandbox or a proxy of ours is."""
    parts = _split(url)
    return parts is not None and _is_loopback(parts.hostname or "")


def _is_bfl(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    return parts.scheme == "https" and parts.port is None and _BFL.fullmatch(host) is not None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
