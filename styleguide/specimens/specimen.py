from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

THEMES = ("light", "dark")


@dataclass(frozen=True, slots=True)
class Specimen:
    """A component in one state: the template that draws it everywhere else, and what it is given here."""

    name: str
    template: str
    context: dict[str, Any] = field(default_factory=dict)
    width: Literal["quarter", "half", "whole"] = "half"
    """How much of the page it takes in one theme; whole, its themes stand above each other."""
    themes: tuple[str, ...] = THEMES
    chosen: int = 0
    """How many pictures of a wall are ticked."""


@dataclass(frozen=True, slots=True)
class Group:
    name: str
    sentence: str
    make: Callable[[], Iterator[Specimen]]
