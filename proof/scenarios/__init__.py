from __future__ import annotations

from collections.abc import Callable, Mapping

from proof.scenarios import claims, crowd, late, murder, poverty, press, quiet, weather, webhooks
from proof.stage import Stage

SCENARIOS: Mapping[str, Callable[[Stage], None]] = {
    "quiet": quiet.play,
    "weather": weather.play,
    "webhooks": webhooks.play,
    "murder": murder.play,
    "poverty": poverty.play,
    "late": late.play,
    "dead-links": late.play_with_dead_links,
    "press": press.play,
    "claims": claims.play,
    "crowd": crowd.play,
}
