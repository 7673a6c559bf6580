"""Make the virtual environments that the Makefile uses, from the lock files.

Runs under the machine's own Python, so it uses the standard library only. Wheels only, by hash: no
compiler is needed, and nothing is installed that was not locked. Python 3.7 can still read this
file, to say that it is too old.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST_PYTHON = (3, 11)
UNREACHABLE = ("after connection broken by", "Could not fetch URL", "ProxyError", "SSLError")


class Refusal(Exception):
    """One sentence for the person at the terminal, with what to do."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dev", action="store_true", help="also what tests and checks need")
    options = parser.parse_args()
    try:
        check_python()
        if options.dev:
            # The development lock holds the runtime's packages too, at the same versions.
            install(ROOT / ".venv", "requirements-dev.txt", also_covers="requirements.txt")
            install(ROOT / ".venv-official", "requirements-official-client.txt")
        else:
            install(ROOT / ".venv", "requirements.txt")
    except Refusal as refusal:
        sys.exit(f"fluxsite: {refusal}")
    except OSError as error:
        sys.exit(f"fluxsite: {error.strerror}: {error.filename}. Make the folder writable and try again.")
    except KeyboardInterrupt:
        sys.exit(130)


def check_python() -> None:
    if sys.version_info[:2] < OLDEST_PYTHON:
        raise Refusal(
            f"Python {platform.python_version()} is too old. Install Python 3.11 or newer, "
            "and name it if it is not the first one found: make run PYTHON=python3.11"
        )
    if not importlib.util.find_spec("venv") or not importlib.util.find_spec("ensurepip"):
        raise Refusal(
            "This Python has no venv module. On Debian and Ubuntu: apt install python3-venv. Then try again."
        )


def install(folder: Path, lock: str, *, also_covers: str = "") -> None:
    if not (ROOT / lock).exists():
        raise Refusal(f"{lock} is missing. Get the whole project again.")
    if is_installed(folder, lock):
        return
    print(f"Installing the packages of {lock} into {folder.name} …", flush=True)
    if not has_this_python(folder):
        make_environment(folder)
    install_packages(folder, ROOT / lock)
    for name in filter(None, (lock, also_covers)):
        stamp(folder, name).write_text(digest(name))


def is_installed(folder: Path, lock: str) -> bool:
    return (
        stamp(folder, lock).exists()
        and stamp(folder, lock).read_text() == digest(lock)
        and has_this_python(folder)
    )


def stamp(folder: Path, lock: str) -> Path:
    return folder / f".installed-{lock}"


def digest(lock: str) -> str:
    return hashlib.sha256((ROOT / lock).read_bytes()).hexdigest()


def has_this_python(folder: Path) -> bool:
    """Tell whether the environment exists, still has its Python, and has packages for this version."""
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    return (folder / "bin" / "python").exists() and (folder / "lib" / version / "site-packages").is_dir()


def make_environment(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir()
    except OSError as error:
        raise Refusal(
            f"{folder} cannot be made: {error.strerror}. Make the project's folder writable for you."
        ) from None
    result = subprocess.run([sys.executable, "-m", "venv", str(folder)], capture_output=True, text=True)
    if result.returncode:
        shutil.rmtree(folder, ignore_errors=True)
        raise Refusal(f"The virtual environment could not be made: {last_line(result)}")


def install_packages(folder: Path, lock: Path) -> None:
    command = [str(folder / "bin" / "python"), "-m", "pip", "install"]
    options = ["--require-hashes", "--only-binary", ":all:"]
    quiet = ["--quiet", "--no-input", "--disable-pip-version-check", "--retries", "3"]
    result = subprocess.run(
        [*command, *options, *quiet, "--requirement", str(lock)], capture_output=True, text=True
    )
    if result.returncode:
        raise Refusal(explain(result))


def explain(result: subprocess.CompletedProcess[str]) -> str:
    """Turn pip's words into one sentence."""
    words = result.stderr + result.stdout
    if any(sign in words for sign in UNREACHABLE):
        return (
            "The package index cannot be reached. "
            "Check the network (and pip's settings, if you use a mirror), then try again."
        )
    missing = re.search(r"No matching distribution found for ([^\s=<>!~;]+)", words)
    if missing:
        return (
            f"There is no ready-made {missing[1]} for this machine "
            f"({platform.system()} {platform.machine()}, Python {platform.python_version()}). "
            "Try another Python: make run PYTHON=python3.12"
        )
    if "DO NOT MATCH THE HASHES" in words:
        return "A package is not the one that was locked, so nothing was installed. Try again later."
    unwritable = re.search(r"(No space left on device|Permission denied|Read-only file system)[^\n]*", words)
    if unwritable:
        return f"The packages could not be written: {unwritable[0]}"
    return f"The packages could not be installed: {last_line(result)}"


def last_line(result: subprocess.CompletedProcess[str]) -> str:
    lines = [line for line in (result.stdout + result.stderr).splitlines() if line.strip()]
    return lines[-1].strip() if lines else f"exit code {result.returncode}"


if __name__ == "__main__":
    main()
