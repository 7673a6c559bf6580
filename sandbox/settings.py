from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

CLOSELY_LIMITED_ENDPOINT = "flux-kontext-max"


@dataclass(slots=True, kw_only=True)
class Settings:
    """What a sandbox is told, at its start or later through its control interface."""

    key: str = "sandbox-key"
    speed: float = 1.0  # divides every latency and every webhook's waiting time
    latency: tuple[float, float] | None = None  # seconds; None: as BFL's endpoints take
    credits: Decimal = Decimal(1000)  # at the start and after a reset
    seed: int = 0
    max_active: int = 24
    max_active_kontext_max: int = 6
    link_seconds: float = 600.0  # real seconds: BFL's links run out ten minutes after completion
    keep_seconds: float = 3600.0  # how long a task is answered for; `Sandbox.tasks` keeps all
    renews_links: bool = False  # whether a late poll signs an expired link again
    samples: list[Path] = field(default_factory=list)  # served instead of drawings
