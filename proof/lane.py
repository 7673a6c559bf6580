"""A process of its own: one site on one database, and what is played there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Programme:
    uses_webhooks: bool
    scenarios: tuple[str, ...]
    """In this order: murder first, as some of its wounds heal by time alone; last what moves the clocks."""


SHORT: Mapping[str, Programme] = {
    "webhooks": Programme(True, ("murder", "quiet", "webhooks")),
    "polling": Programme(False, ("murder", "quiet", "press", "late", "dead-links")),
    "outages": Programme(False, ("weather", "poverty", "claims")),
}
LONG: Mapping[str, Programme] = {
    "webhooks": SHORT["webhooks"],
    "outages": SHORT["outages"],
    "polling": SHORT["polling"],
    "outages, webhooks": Programme(True, ("weather", "poverty", "late", "dead-links")),
    # Without webhooks: BFL is not told where to call for what the crowd submits.
    "crowd": Programme(False, ("crowd",)),
}
SCENARIOS = tuple(dict.fromkeys(name for programme in LONG.values() for name in programme.scenarios))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    label: str
    database_url: str
    """Empty for SQLite, which lies in the folder."""
    uses_webhooks: bool
    scenarios: tuple[str, ...]
    is_long: bool
    seed: int
    folder: str
    prepared: str
    """Folder of a new site that has its static files and tables already."""
    began_at: float
    """When the proof began, as time.time() has it."""

    @property
    def figures(self) -> Path:
        return Path(self.folder, "figures.json")

    @property
    def environment(self) -> dict[str, str]:
        """What makes a process see the site's rows and files."""
        return {
            "DJANGO_SETTINGS_MODULE": "fluxsite.settings",
            "DATA_DIR": self.folder,
            "DATABASE_URL": self.database_url,
            "REDIS_URL": "",
        }

    def to_json(self) -> str:
        return json.dumps(asdict(self))


def read_lane(text: str) -> Lane:
    values = json.loads(text)
    return Lane(**{**values, "scenarios": tuple(values["scenarios"])})
