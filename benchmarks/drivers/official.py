"""BFL's own client, unchanged and with its own polling. It runs in `.venv-official`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from blackforest import BFLClient
from blackforest.types.general.client_config import ClientConfig

from benchmarks.drivers import crew
from benchmarks.drivers.order import Made, Order, Report, serve

_local = threading.local()


def prepare(order: Order) -> Callable[[], Report]:
    return lambda: crew.work(order, lambda number: _make_one(order, number))


def _make_one(order: Order, number: int) -> Made:
    response = _client(order).generate(order.endpoint, order.params, ClientConfig(sync=True))
    # It leaves the download to its user.
    return crew.keep(response.result["sample"], Path(order.folder, f"{number}.jpg"), bfl_id=str(response.id))


def _client(order: Order) -> BFLClient:
    # One for each thread: it goes through its table of addresses while others would add to it.
    if not hasattr(_local, "client"):
        _local.client = BFLClient(order.key, base_url=order.base_url)
    client: BFLClient = _local.client
    return client


if __name__ == "__main__":
    serve(prepare)
