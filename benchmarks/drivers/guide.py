"""The script of BFL's quick start, in as many threads as there are places: POST, look every half second,
download."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import requests

from benchmarks.drivers import crew
from benchmarks.drivers.order import Made, Order, Report, serve


def prepare(order: Order) -> Callable[[], Report]:
    return lambda: crew.work(order, lambda number: _make_one(order, number))


def _make_one(order: Order, number: int) -> Made:
    headers = {"accept": "application/json", "x-key": order.key, "Content-Type": "application/json"}
    url = f"{order.base_url}/v1/{order.endpoint}"
    response = requests.post(url, headers=headers, json=order.params, timeout=30)
    response.raise_for_status()
    task = response.json()
    sample_url = _wait(task["polling_url"], task["id"], headers)
    return crew.keep(sample_url, Path(order.folder, f"{number}.jpg"), bfl_id=task["id"])


def _wait(polling_url: str, bfl_id: str, headers: dict[str, str]) -> str:
    while True:
        time.sleep(0.5)
        response = requests.get(polling_url, headers=headers, params={"id": bfl_id}, timeout=30)
        response.raise_for_status()
        answer = response.json()
        if answer["status"] == "Ready":
            return str(answer["result"]["sample"])
        if answer["status"] in ("Error", "Failed"):
            raise RuntimeError(answer)


if __name__ == "__main__":
    serve(prepare)
