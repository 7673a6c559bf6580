"""The four ways. Each has a fresh provider, and whatever it needs else, from nothing to its figures."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import provider, site
from benchmarks.driver import OFFICIAL, OURS, ROOT, Driver, Failed
from benchmarks.drivers.order import Order
from benchmarks.figures import ALL, WORKERS, Figures, work_out
from benchmarks.meter import Meter
from benchmarks.provider import Provider

ENDPOINT = "flux-dev"
LATENCY = 3.0, 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What all four have in common."""

    count: int
    slots: int
    seed: int
    sample: Path

    @property
    def patience(self) -> float:
        """Seconds after which a way has failed."""
        return 60 + 3 * LATENCY[1] * (self.count / self.slots + 1)


@dataclass(frozen=True, slots=True)
class Way:
    title: str
    measure: Callable[[Setting, Path], Figures]


def _run_script(name: str, python: Path, setting: Setting, folder: Path) -> Figures:
    if not python.exists():
        raise Failed(f"{python.relative_to(ROOT)} is missing: `make bench` installs it.")
    with (
        _provider(setting, folder) as bfl,
        Driver(name, _order(setting, bfl, folder), log=folder / "driver.log", python=python) as driver,
    ):
        return _measure(driver, bfl, setting, workers=[driver.pid], everything=[driver.pid])


def _run_site(uses_webhooks: bool, setting: Setting, folder: Path) -> Figures:
    log = folder / "driver.log"
    with (
        _provider(setting, folder) as bfl,
        site.started(folder, bfl, slots=setting.slots, uses_webhooks=uses_webhooks) as running,
        Driver("people", _order(setting, bfl, folder), log=log, environment=running.environment) as driver,
    ):
        return _measure(driver, bfl, setting, workers=running.workers, everything=running.pids)


def _measure(
    driver: Driver, bfl: Provider, setting: Setting, *, workers: list[int], everything: list[int]
) -> Figures:
    driver.wait_until_ready()
    with Meter({WORKERS: workers, ALL: everything}) as meter:
        report = driver.work(setting.patience)
    if len(report.pictures) != setting.count:
        raise Failed(f"{len(report.pictures)} of {setting.count} pictures came.")
    return work_out(report, bfl.state(), meter, slots=setting.slots)


def _provider(setting: Setting, folder: Path) -> AbstractContextManager[Provider]:
    return provider.started(
        setting.sample,
        latency="{}:{}".format(*LATENCY),
        slots=setting.slots,
        seed=setting.seed,
        log=folder / "sandbox.log",
    )


def _order(setting: Setting, bfl: Provider, folder: Path) -> Order:
    return Order(
        base_url=bfl.url,
        key=provider.KEY,
        endpoint=ENDPOINT,
        params={"prompt": "a lighthouse in the evening light", "width": 1024, "height": 1024},
        count=setting.count,
        slots=setting.slots,
        folder=str(folder),
    )


WAYS = {
    "guide": Way("script of BFL's guide", partial(_run_script, "guide", OURS)),
    "official": Way("BFL's own client", partial(_run_script, "official", OFFICIAL)),
    "polling": Way("fluxsite by polling", partial(_run_site, False)),
    "webhook": Way("fluxsite by webhook", partial(_run_site, True)),
}
