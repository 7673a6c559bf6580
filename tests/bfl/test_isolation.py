from __future__ import annotations

import subprocess
import sys

import pytest

PRINT_PACKAGES = """
import importlib, sys
importlib.import_module(sys.argv[1])
print(*sorted(sys.modules))
"""


def modules_after_importing(name: str) -> set[str]:
    command = [sys.executable, "-c", PRINT_PACKAGES, name]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize("name", ["generations.bfl.webhooks"])
def test_it_needs_no_django(name: str) -> None:
    modules = modules_after_importing(name)
    assert name in modules
    assert not modules & {"django", "fluxsite", "generations.models", "sandbox"}


@pytest.mark.parametrize("name", ["sandbox.__main__"])
def test_it_shares_nothing_with_its_sandbox(name: str) -> None:
    modules = modules_after_importing(name)
    assert name in modules
    assert not modules & {
        "django",
        "fluxsite",
        "requests",
        "urllib3",
        "generations.bfl",
        "generations.models",
    }
