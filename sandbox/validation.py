"""The rules of a request body, and errors in the shape and words of pydantic 2 behind FastAPI."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any
from urllib.parse import urlsplit

_TRUE = {"true", "t", "yes", "y", "on", "1"}
_FALSE = {"false", "f", "no", "n", "off", "0"}
_WIDEST = Fraction(21, 9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    name: str
    kind: str
    default: Any = None
    is_required: bool = False
    is_nullable: bool = False
    minimum: float | None = None
    maximum: float | None = None
    multiple_of: int | None = None
    choices: tuple[str, ...] = ()


class Invalid(Exception):
    """One value is not acceptable."""

    def __init__(self, code: str, message: str, **context: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.context = context

    def describe(self, location: Sequence[str | int], value: object) -> dict[str, Any]:
        error = {"type": self.code, "loc": list(location), "msg": self.message, "input": value}
        return error | ({"ctx": self.context} if self.context else {})


class Refused(Exception):
    """The body as a whole is refused: `errors` is the `detail` of a 422."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__(f"{len(errors)} errors")
        self.errors = errors


def validate(fields: Sequence[Field], content_type: str, body: bytes) -> dict[str, Any]:
    """Give the parameters with their defaults, without unknown ones; Refused where one is bad."""
    given = _read_object(content_type, body)
    params: dict[str, Any] = {}
    errors: list[dict[str, Any]] = []
    for field in fields:
        try:
            params[field.name] = _read_field(field, given)
        except Invalid as invalid:
            value = given.get(field.name, given)
            errors.append(invalid.describe(["body", field.name], value))
    if errors:
        raise Refused(errors)
    return params


def _read_object(content_type: str, body: bytes) -> dict[str, Any]:
    if not body:
        raise Refused([Invalid("missing", "Field required").describe(["body"], None)])
    value = _read_json(body) if _is_json(content_type) else body.decode(errors="replace")
    if isinstance(value, dict):
        return value
    message = "Input should be a valid dictionary or object to extract fields from"
    raise Refused([Invalid("model_attributes_type", message).describe(["body"], value)])


def _is_json(content_type: str) -> bool:
    media = content_type.partition(";")[0].strip().lower()
    return media == "application/json" or media.endswith("+json")


def _read_json(body: bytes) -> object:
    try:
        return json.loads(body)
    except json.JSONDecodeError as error:
        invalid = Invalid("json_invalid", "JSON decode error", error=error.msg)
        raise Refused([invalid.describe(["body", error.pos], {})]) from None
    except (UnicodeDecodeError, RecursionError):
        invalid = Invalid("json_invalid", "JSON decode error", error="Invalid text")
        raise Refused([invalid.describe(["body", 0], {})]) from None


def _read_field(field: Field, given: Mapping[str, Any]) -> Any:
    if field.name not in given:
        if field.is_required:
            raise Invalid("missing", "Field required")
        return field.default
    value = given[field.name]
    if value is None and field.is_nullable:
        return None
    return _READERS[field.kind](field, value)


def _read_string(field: Field, value: object) -> str:
    if not isinstance(value, str):
        raise Invalid("string_type", "Input should be a valid string")
    return value


def _read_integer(field: Field, value: object) -> int:
    if isinstance(value, str):
        if not re.fullmatch(r"\s*[+-]?\d{1,4300}\s*", value):
            message = "Input should be a valid integer, unable to parse string as an integer"
            raise Invalid("int_parsing", message)
        value = int(value)
    if not isinstance(value, int | float):
        raise Invalid("int_type", "Input should be a valid integer")
    if value != value or value in (float("inf"), float("-inf")):
        raise Invalid("finite_number", "Input should be a finite number")
    if value % 1:
        message = "Input should be a valid integer, got a number with a fractional part"
        raise Invalid("int_from_float", message)
    return int(_in_range(field, int(value)))


def _read_number(field: Field, value: object) -> float:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            message = "Input should be a valid number, unable to parse string as a number"
            raise Invalid("float_parsing", message) from None
    if not isinstance(value, int | float):
        raise Invalid("float_type", "Input should be a valid number")
    return _in_range(field, float(value))


def _in_range(field: Field, value: float) -> float:
    if field.minimum is not None and not value >= field.minimum:
        message = f"Input should be greater than or equal to {field.minimum:g}"
        raise Invalid("greater_than_equal", message, ge=field.minimum)
    if field.maximum is not None and not value <= field.maximum:
        message = f"Input should be less than or equal to {field.maximum:g}"
        raise Invalid("less_than_equal", message, le=field.maximum)
    if field.multiple_of and value % field.multiple_of:
        message = f"Input should be a multiple of {field.multiple_of}"
        raise Invalid("multiple_of", message, multiple_of=field.multiple_of)
    return value


def _read_boolean(field: Field, value: object) -> bool:
    if not isinstance(value, bool | int | float | str):
        raise Invalid("bool_type", "Input should be a valid boolean")
    word = str(int(value)) if value in (0, 1) else str(value).lower()
    if word not in _TRUE | _FALSE:
        raise Invalid("bool_parsing", "Input should be a valid boolean, unable to interpret input")
    return word in _TRUE


def _read_choice(field: Field, value: object) -> str:
    if isinstance(value, str) and value in field.choices:
        return value
    quoted = [f"'{choice}'" for choice in field.choices]
    expected = f"{', '.join(quoted[:-1])} or {quoted[-1]}"
    raise Invalid("enum", f"Input should be {expected}", expected=expected)


def _read_ratio(field: Field, value: object) -> str:
    text = _read_string(field, value)
    sides = re.fullmatch(r"(\d{1,5}):(\d{1,5})", text)
    if not sides or "0" in (sides[1].strip("0") or "0", sides[2].strip("0") or "0"):
        message = "Value error, Aspect ratio must be in the format 'width:height'"
        raise Invalid("value_error", message, error={})
    if not 1 / _WIDEST <= Fraction(int(sides[1]), int(sides[2])) <= _WIDEST:
        message = "Value error, Aspect ratio must be between 21:9 and 9:21"
        raise Invalid("value_error", message, error={})
    return text


def _read_url(field: Field, value: object) -> str:
    if not isinstance(value, str):
        raise Invalid("url_type", "URL input should be a string or URL")
    if len(value) > 2083:
        raise Invalid("url_too_long", "URL should have at most 2083 characters", max_length=2083)
    parts = _split_url(value)
    if parts.scheme.lower() not in ("http", "https"):
        expected = "'http' or 'https'"
        message = f"URL scheme should be {expected}"
        raise Invalid("url_scheme", message, expected_schemes=expected)
    if not parts.hostname:
        raise Invalid("url_parsing", "Input should be a valid URL, empty host", error="empty host")
    return value


def _split_url(value: str) -> Any:
    try:
        parts = urlsplit(value)
    except ValueError:
        error = "invalid international domain name"
        raise Invalid("url_parsing", f"Input should be a valid URL, {error}", error=error) from None
    if not parts.scheme:
        error = "relative URL without a base" if value else "input is empty"
        raise Invalid("url_parsing", f"Input should be a valid URL, {error}", error=error)
    return parts


_READERS: Mapping[str, Callable[[Field, object], Any]] = {
    "string": _read_string,
    "integer": _read_integer,
    "number": _read_number,
    "boolean": _read_boolean,
    "choice": _read_choice,
    "ratio": _read_ratio,
    "url": _read_url,
}
