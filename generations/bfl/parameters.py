"""The kinds of parameter that BFL's endpoints take. Each turns what a person gave (text from a form or a
command, or a JSON value) into the value to send, or raises ValueError with a sentence for that person."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction

from generations.invisible import is_blank

Value = str | int | float | bool

# XML, PostgreSQL and people agree that these do not belong in a prompt.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_RATIO = re.compile(r"\s*(\d{1,4})\s*:\s*(\d{1,4})\s*", re.ASCII)
_DECIMAL = re.compile(r"\s*[+-]?\d{1,20}(\.\d{0,20})?\s*", re.ASCII)
_WHOLE = re.compile(r"\s*[+-]?\d{1,20}\s*", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    name: str
    label: str
    max_length: int
    help: str = ""
    default: None = None

    def clean(self, value: object) -> str:
        if not isinstance(value, str):
            raise ValueError(f"{self.label} must be text.")
        text = value.replace("\r\n", "\n").strip()
        if is_blank(text):
            raise ValueError("Write what you want to see.")
        if len(text) > self.max_length:
            raise ValueError(
                f"{self.label} is {len(text):,} characters long; {self.max_length:,} is the most."
            )
        if _UNPRINTABLE.search(text):
            raise ValueError(f"{self.label} has a control character in it. Take it out and try again.")
        return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Integer:
    name: str
    label: str
    minimum: int
    maximum: int
    step: int = 1
    default: int | None = None
    help: str = ""

    def clean(self, value: object) -> int:
        number = _whole(value)
        if number is None or not self.minimum <= number <= self.maximum or number % self.step:
            raise ValueError(f"{self.label} must be a whole number {self.allowed}.")
        return number

    @property
    def allowed(self) -> str:
        """The range in words: from 256 to 1440, in steps of 32."""
        steps = f", in steps of {self.step}" if self.step > 1 else ""
        return f"from {self.minimum} to {self.maximum}{steps}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    name: str
    label: str
    minimum: float
    maximum: float
    default: float
    help: str = ""

    def clean(self, value: object) -> float:
        number = _decimal(value)
        if not self.minimum <= number <= self.maximum:
            raise ValueError(f"{self.label} must be a number from {self.minimum:g} to {self.maximum:g}.")
        return number


@dataclass(frozen=True, slots=True, kw_only=True)
class Boolean:
    name: str
    label: str
    default: bool = False
    help: str = ""

    def clean(self, value: object) -> bool:
        if isinstance(value, str):
            value = {"true": True, "on": True, "false": False}.get(value.strip().lower(), value)
        if not isinstance(value, bool):
            raise ValueError(f"{self.label} must be true or false.")
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    name: str
    label: str
    choices: tuple[str, ...]
    default: str
    help: str = ""

    def clean(self, value: object) -> str:
        if value not in self.choices:
            raise ValueError(f"{self.label} must be {' or '.join(self.choices)}.")
        return str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """Width to height, `W:H`, not wider than `widest` and not taller than its inverse."""

    name: str
    label: str
    default: str
    widest: Fraction = Fraction(7, 3)
    help: str = ""

    def clean(self, value: object) -> str:
        match = _RATIO.fullmatch(value) if isinstance(value, str) else None
        width, height = (int(side) for side in match.groups()) if match else (0, 0)
        if not (width and height):
            raise ValueError(f"{self.label} must be two whole numbers with a colon, such as 16:9.")
        if not 1 / self.widest <= Fraction(width, height) <= self.widest:
            tall, wide = self.widest.denominator, self.widest.numerator
            raise ValueError(f"{self.label} must lie between {tall}:{wide} and {wide}:{tall}.")
        return f"{width}:{height}"


Parameter = Text | Integer | Number | Boolean | Choice | Ratio


def refusal(parameter: Parameter, value: object) -> str:
    """Return why the parameter does not take a value; "" if it does."""
    try:
        parameter.clean(value)
    except ValueError as error:
        return str(error)
    return ""


def _decimal(value: object) -> float:
    if isinstance(value, str):
        return float(value) if _DECIMAL.fullmatch(value) else math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.nan


def _whole(value: object) -> int | None:
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
