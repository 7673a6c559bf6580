"""What a driver is told, what it tells back, and the two words in between."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    base_url: str
    key: str
    endpoint: str
    params: dict[str, Any]
    count: int
    slots: int
    folder: str

    def to_json(self) -> str:
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One picture and its moments, as time.time() has them."""

    bfl_id: str
    noticed_at: float
    """Somebody on our side knows that it is Ready."""
    stored_at: float
    """Its file lies on the disk, its thumbnail is made, and where there is a row, it is saved."""
    filed_at: float | None = None
    """Its file lies on the disk, if that moment is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    started_at: float
    """The first submission, or the press that led to it."""
    pictures: list[Made]
    extra_cpu: float = 0.0
    """CPU seconds of the driver itself that belong to the way."""


def read_report(line: str) -> Report:
    values = json.loads(line)
    return Report(**values | {"pictures": [Made(**picture) for picture in values["pictures"]]})


def serve(prepare: Callable[[Order], Callable[[], Report]]) -> None:
    """Say "ready", wait for a line, work, print the report, and stay until our CPU time has been read."""
    channel = sys.stdout
    # BFL's client prints each of its polls.
    with open(os.devnull, "w") as sys.stdout:
        work = prepare(Order(**json.loads(sys.argv[1])))
        print("ready", file=channel, flush=True)
        sys.stdin.readline()
        print(json.dumps(asdict(work())), file=channel, flush=True)
        sys.stdin.readline()
    sys.stdout = channel
