from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from sandbox import Sandbox

TESTS = Path(__file__).parents[1]
PYTHON = TESTS.parent / ".venv-official" / "bin" / "python"
SCRIPT = TESTS / "official_client_run.py"


@pytest.fixture(autouse=True)
def _need_official_client() -> None:
    if PYTHON.exists():
        return
    reason = "BFL's client is missing: make .venv-official of requirements-official-client.txt"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def _run(sandbox: Sandbox, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(PYTHON), str(SCRIPT), sandbox.url, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


# It knows no flux-kontext-max.
@pytest.mark.parametrize(
    ("endpoint", "image_format"),
    [("flux-dev", "JPEG"), ("flux-kontext-pro", "PNG")],
)
def test_it_serves_the_official_client(tmp_path: Path, endpoint: str, image_format: str) -> None:
    output = tmp_path / "picture"
    with Sandbox(clusters=2, speed=100) as sandbox:
        done = _run(sandbox, "sandbox-key", endpoint, "a red fox", str(output))
        (task,) = sandbox.tasks.values()
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["id"] == task.id
    with Image.open(output) as image:
        assert image.format == image_format


def test_it_refuses_the_official_client_without_its_key(tmp_path: Path) -> None:
    with Sandbox() as sandbox:
        done = _run(sandbox, "wrong", "flux-dev", "a red fox", str(tmp_path / "picture"))
    assert done.returncode != 0
    assert "403" in done.stderr
