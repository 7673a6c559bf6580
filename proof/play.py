"""What runs in a lane's process: `python -m proof.play LANE`, the lane as JSON."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import random
import signal
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import django

# The lane's environment names the site's database and files; the models cannot be imported before.
django.setup()
# The verbs that are called here tell of their moves; what the site does is in its own log.
logging.getLogger("generations").setLevel(logging.WARNING)

from PIL import Image  # noqa: E402

from generations import doctor  # noqa: E402
from generations.models import Generation  # noqa: E402
from proof import evidence, machine, promises, timeline  # noqa: E402
from proof.lane import Lane, read_lane  # noqa: E402
from proof.people import Stalled  # noqa: E402
from proof.report import Figures  # noqa: E402
from proof.scenarios import SCENARIOS, late  # noqa: E402
from proof.site import free_port, reuse_static_files, reuse_tables, running_site  # noqa: E402
from proof.stage import KEY, PLENTY, Stage  # noqa: E402
from sandbox import Sandbox  # noqa: E402

# Longer than any deadline that is still running when the last scenario ends.
PATIENCE = 300.0


def main() -> int:
    lane = read_lane(sys.argv[1])
    # So that the site ends with us.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
    with _stage(lane) as stage:
        stage.say("the site runs")
        for name in lane.scenarios:
            with machine.playing(lane, name):
                _play(stage, name)
        _wait_for_the_rest(stage)
        stage.end()
        figures = _judge(stage, Path(lane.folder))
    lane.figures.write_text(json.dumps([asdict(line) for line in figures]))
    stage.say("done")
    return 0


@contextlib.contextmanager
def _stage(lane: Lane) -> Iterator[Stage]:
    folder, port = Path(lane.folder), str(free_port())
    pictures = _draw(folder / "bfl", 2000 if lane.is_long else 500)
    # Another weather in each lane: what one database is spared the other may meet.
    seed = random.Random(f"{lane.seed} {lane.label}").getrandbits(32)
    with Sandbox(key=KEY, clusters=2, seed=seed, credits=PLENTY, samples=pictures) as sandbox:
        # As long as the proof lasts, with all the time that is skipped in it.
        sandbox.settings.keep_seconds = 24 * 3600
        environment = {
            **lane.environment,
            "PORT": port,
            "PUBLIC_URL": f"http://127.0.0.1:{port}" if lane.uses_webhooks else "",
            "BFL_API_KEY": KEY,
            "BFL_API_BASE": sandbox.url,
            "BFL_EXTRA_HOSTS": ",".join(sandbox.hosts),
        }
        reuse_static_files(Path(lane.prepared), folder)
        if not lane.database_url:
            reuse_tables(Path(lane.prepared), folder)
        with contextlib.ExitStack() as end:
            with machine.busy(lane):
                site = end.enter_context(running_site(folder, **environment))
            yield Stage(site, sandbox, lane)


def _draw(folder: Path, count: int) -> list[Path]:
    """Make pictures for BFL to hand out, no two alike and so small that drawing and storing cost nothing."""
    folder.mkdir(parents=True)
    return [_draw_one(folder / f"{number}.jpg", number) for number in range(count)]


def _draw_one(path: Path, number: int) -> Path:
    noise = random.Random(number).randbytes(16 * 16 * 3)
    picture = io.BytesIO()
    Image.frombytes("RGB", (16, 16), noise).resize((64, 64)).save(picture, "JPEG")
    path.write_bytes(picture.getvalue())
    return path


def _play(stage: Stage, name: str) -> None:
    stage.begin(name)
    try:
        SCENARIOS[name](stage)
    # Whatever it is, the others are still played.
    except Exception as error:
        stage.promise(False, f"it came to a stand: {type(error).__name__}: {error}".strip())
    stage.calm()
    _check_files(stage)


def _check_files(stage: Stage) -> None:
    """Files are rows after each scenario; what is not finished yet is looked at when all has ended."""
    unfinished = _unfinished_codes()
    findings = list(doctor.check_files())
    # Their files may come, and a late picture's row may go back, while we look.
    unfinished |= _unfinished_codes()
    for finding in findings:
        stage.promise(any(code in finding for code in unfinished), finding)


def _unfinished_codes() -> set[str]:
    return {str(code) for code in Generation.objects.unfinished().values_list("code", flat=True)}


def _wait_for_the_rest(stage: Stage) -> None:
    unfinished = Generation.objects.unfinished()
    if rest := list(unfinished):
        stage.say(f"waiting for {len(rest)} that only time can mend")
        # What BFL never got waits three minutes for a webhook: as long as all the rest takes.
        if not stage.lane.is_long and not any(stage.task_of(row.prompt) for row in rest):
            late.stand_still(stage)
    # What does not end is told as stuck.
    with contextlib.suppress(Stalled):
        stage.wait_for("the end of all", lambda: not unfinished.all().exists(), PATIENCE)


def _judge(stage: Stage, folder: Path) -> list[Figures]:
    findings = [*doctor.check_files(), *doctor.check_ledger()]
    lines = []
    for part in evidence.collect(stage, findings):
        figures, broken = promises.judge(part)
        lines.append(figures)
        if broken:
            name = timeline.write(folder, part, broken)
            stage.say(f"{part.part.name}: {len(broken)} broken promises, told in {name}")
    return lines


if __name__ == "__main__":
    sys.exit(main())
