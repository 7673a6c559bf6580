"""From moments to figures. The sandbox says when a picture was Ready, the driver when it was ours."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from benchmarks.drivers.order import Made, Report
from benchmarks.meter import Meter
from benchmarks.schedule import empty_seconds, ideal_makespan

WORKERS, ALL = "workers", "all"

Pair = tuple[Made, dict[str, Any]]
"""A picture, and its task as the sandbox tells it."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Milliseconds."""

    p50: float
    p95: float

    def __str__(self) -> str:
        return f"{self.p50:.0f} / {self.p95:.0f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    makespan: float
    ideal: float
    added: Spread
    """Ready at the provider → stored, thumbnail made, row saved."""
    filed: Spread | None
    """Ready at the provider → file on the disk, without a thumbnail."""
    stages: dict[str, Spread]
    polls_per_image: float
    requests_per_image: float
    refused: int
    workers_megabytes: float
    all_megabytes: float
    cpu_seconds: float

    @property
    def ratio(self) -> float:
        return self.makespan / self.ideal


def work_out(report: Report, state: dict[str, Any], meter: Meter, *, slots: int) -> Figures:
    tasks = {task["id"]: task for task in state["tasks"]}
    pairs: list[Pair] = [(picture, tasks[picture.bfl_id]) for picture in report.pictures]
    latencies = [task["latency"] for task in sorted(tasks.values(), key=lambda task: task["ordinal"])]
    counts: dict[str, int] = state["requests"]
    return Figures(
        makespan=max(picture.stored_at for picture in report.pictures) - report.started_at,
        ideal=ideal_makespan(latencies, slots),
        added=_spread(picture.stored_at - task["ready_at"] for picture, task in pairs),
        filed=_filed(pairs),
        stages=_stages(pairs, slots),
        polls_per_image=_count(counts, "GET /v1/get_result") / len(pairs),
        requests_per_image=sum(counts.values()) / len(pairs),
        refused=sum(count for request, count in counts.items() if request.endswith(" 429")),
        workers_megabytes=meter.peak_megabytes(WORKERS),
        all_megabytes=meter.peak_megabytes(ALL),
        cpu_seconds=meter.cpu_seconds + report.extra_cpu,
    )


def _filed(pairs: list[Pair]) -> Spread | None:
    seconds = [picture.filed_at - task["ready_at"] for picture, task in pairs if picture.filed_at]
    return _spread(seconds) if seconds else None


def _stages(pairs: list[Pair], slots: int) -> dict[str, Spread]:
    accepted = [task["accepted_at"] for _, task in pairs]
    ready = [task["ready_at"] for _, task in pairs]
    return {
        "noticed": _spread(picture.noticed_at - task["ready_at"] for picture, task in pairs),
        "asked for": _spread(task["downloaded_at"] - picture.noticed_at for picture, task in pairs),
        "stored": _spread(picture.stored_at - task["downloaded_at"] for picture, task in pairs),
        "place empty": _spread(empty_seconds(accepted, ready, slots)),
    }


def _count(counts: dict[str, int], request: str) -> int:
    return sum(count for name, count in counts.items() if name.startswith(f"{request} "))


def _spread(seconds: Iterable[float]) -> Spread:
    values = [second * 1000 for second in seconds]
    if len(values) < 2:
        return Spread(*(values * 2 or [0.0, 0.0]))
    hundredths = statistics.quantiles(values, n=100, method="inclusive")
    return Spread(p50=hundredths[49], p95=hundredths[94])
