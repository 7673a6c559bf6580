"""The command line: `python -m sandbox --port 8700`."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import sys
import threading
from decimal import Decimal, InvalidOperation
from pathlib import Path

from sandbox.sandbox import Sandbox


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--port", type=int, default=8700, help="port of the global host (default 8700; 0: any)")
    add("--clusters", type=int, default=0, help="number of regional hosts (default 0)")
    add("--cluster-port", type=int, action="append", default=[], help="port of a regional host")
    # From the environment, so that a key need not stand in the list of processes.
    key = os.environ.get("SANDBOX_KEY", "sandbox-key")
    add("--key", default=key, help="the key that is let in (default SANDBOX_KEY, or sandbox-key)")
    add("--speed", type=_positive, default=1.0, help="divide all waiting by this (default 1)")
    add("--credits", type=_credits, default=Decimal(1000), help="credits (default 1000)")
    add("--seed", type=int, default=0, help="seed of everything random (default 0)")
    add("--max-active", type=int, default=24, help="active tasks in all (default 24)")
    add("--max-active-kontext-max", type=int, default=6, help="of flux-kontext-max (default 6)")
    add("--sample", type=_file, action="append", default=[], help="serve this, draw nothing")
    add("--latency", type=_span, metavar="MIN:MAX", help="seconds of every task, evenly spread")


def _positive(text: str) -> float:
    if not 0 < float(text) < float("inf"):
        raise argparse.ArgumentTypeError("must be greater than 0")
    return float(text)


def _credits(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None


def _file(text: str) -> Path:
    if not Path(text).is_file():
        raise argparse.ArgumentTypeError(f"there is no file {text}")
    return Path(text)


def _span(text: str) -> tuple[float, float]:
    low, _, high = text.partition(":")
    try:
        span = float(low), float(high or low)
    except ValueError:
        raise argparse.ArgumentTypeError("must be MIN:MAX in seconds") from None
    if not 0 <= span[0] <= span[1]:
        raise argparse.ArgumentTypeError("must be MIN:MAX with 0 <= MIN <= MAX")
    return span


def run(options: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM; give the exit code."""
    try:
        sandbox = _make(options)
    except (OSError, OverflowError) as error:
        sys.stderr.write(f"{_explain(error)}\n")
        return 1
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with sandbox:
        sys.stdout.write(f"{_welcome(sandbox)}\n")
        sys.stdout.flush()
        stopped.wait()
    return 0


def _make(options: argparse.Namespace) -> Sandbox:
    return Sandbox(
        options.port,
        clusters=options.clusters,
        cluster_ports=options.cluster_port,
        credits=options.credits,
        samples=options.sample,
        key=options.key,
        speed=options.speed,
        seed=options.seed,
        latency=options.latency,
        max_active=options.max_active,
        max_active_kontext_max=options.max_active_kontext_max,
    )


def _explain(error: OSError | OverflowError) -> str:
    if isinstance(error, OverflowError):
        return "A port is a number from 0 to 65535."
    if error.errno == errno.EADDRINUSE:
        return f"Port {error.filename} is already in use; choose another one."
    return f"Port {error.filename} cannot be used: {error.strerror}."


def _welcome(sandbox: Sandbox) -> str:
    return (
        f"Sandbox at {sandbox.url} with the key {sandbox.settings.key}: "
        f"BFL_API_BASE={sandbox.url} BFL_EXTRA_HOSTS={','.join(sandbox.hosts)}"
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="sandbox", description="A BFL on loopback.")
    add_arguments(parser)
    return run(parser.parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main())
