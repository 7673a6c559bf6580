"""BFL's endpoints: what each takes and what it costs. A new endpoint is an entry here and its test.

Parameters, ranges and prices are those of docs.bfl.ai (API reference, pricing), April 2026. Times were
measured by people who use the API in September 2026; they decide when we look first and how long we wait.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from generations.bfl.parameters import (
    Boolean,
    Choice,
    Integer,
    Number,
    Parameter,
    Ratio,
    Text,
    Value,
)


class InvalidParameters(Exception):
    """`errors` maps the name of each refused parameter to a sentence for the person who gave it."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__(" ".join(errors.values()))
        self.errors = errors


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    slug: str
    name: str
    purpose: str
    price: Decimal
    """Credits for one image; a credit is 0.01 USD."""
    megapixels: float
    """Of the image, where a ratio is asked for and not a size."""
    usual_seconds: int
    """Median from submission to Ready."""
    deadline_seconds: int
    """After this long without an end we stop waiting."""
    parameters: tuple[Parameter, ...]

    def clean(self, values: Mapping[str, object]) -> dict[str, Value]:
        """Return the parameters to send: the given ones checked, defaults for the rest, unset ones left out.

        An empty string or None means "not given". Raises InvalidParameters.
        """
        known = {parameter.name for parameter in self.parameters}
        errors = {
            name: f"{self.name} has no setting called “{name[:40]}”. It takes {', '.join(sorted(known))}."
            for name in values
            if name not in known
        }
        cleaned: dict[str, Value] = {}
        for parameter in self.parameters:
            given = values.get(parameter.name)
            value = parameter.default if given in (None, "") else given
            if value is None and not isinstance(parameter, Text):
                continue
            try:
                cleaned[parameter.name] = parameter.clean(value if value is not None else "")
            except ValueError as error:
                errors[parameter.name] = str(error)
        if errors:
            raise InvalidParameters(errors)
        return cleaned

    def size_of(self, params: Mapping[str, object]) -> tuple[int, int]:
        """Return the width and height in pixels to expect; only roughly where a ratio was asked for."""
        if isinstance(params.get("width"), int) and isinstance(params.get("height"), int):
            return int(str(params["width"])), int(str(params["height"]))
        width, _, height = str(params.get("aspect_ratio", "1:1")).partition(":")
        scale = math.sqrt(self.megapixels * 1024 * 1024 / (int(width) * int(height)))
        return _to_16(int(width) * scale), _to_16(int(height) * scale)


def _to_16(pixels: float) -> int:
    return max(16, round(pixels / 16) * 16)


PROMPT = Text(name="prompt", label="Prompt", max_length=4000)
SEED = Integer(
    name="seed",
    label="Seed",
    minimum=0,
    maximum=2**63 - 1,
    help="The same seed with the same settings gives the same picture. Empty means a new one each time.",
)
PROMPT_UPSAMPLING = Boolean(
    name="prompt_upsampling",
    label="Let FLUX rewrite the prompt",
    help="Adds detail to short prompts. The picture keeps the words that were used.",
)
SAFETY_TOLERANCE = Integer(
    name="safety_tolerance",
    label="Safety tolerance",
    minimum=0,
    maximum=6,
    default=2,
    help="0 refuses the most, 6 the least. Refused pictures are not charged.",
)
# Always sent: BFL's documents and its servers disagree about Kontext's default.
OUTPUT_FORMAT = Choice(
    name="output_format",
    label="File format",
    choices=("jpeg", "png"),
    default="jpeg",
    help="JPEG is smaller; PNG keeps every pixel.",
)
COMMON = (PROMPT_UPSAMPLING, SAFETY_TOLERANCE, OUTPUT_FORMAT)
WIDTH = Integer(name="width", label="Width", minimum=256, maximum=1440, step=32, default=1024)
HEIGHT = Integer(name="height", label="Height", minimum=256, maximum=1440, step=32, default=768)


def _ratio(default: str) -> Ratio:
    return Ratio(name="aspect_ratio", label="Shape", default=default)


def _steps(default: int) -> Integer:
    return Integer(
        name="steps",
        label="Steps",
        minimum=1,
        maximum=50,
        default=default,
        help="More steps give finer detail and take longer.",
    )


def _guidance(default: float) -> Number:
    return Number(
        name="guidance",
        label="Guidance",
        minimum=1.5,
        maximum=5,
        default=default,
        help="Higher keeps closer to the prompt, lower looks more natural.",
    )


_INTERVAL = Number(
    name="interval",
    label="Interval",
    minimum=1,
    maximum=4,
    default=2,
    help="How much one picture may differ from the next. Higher varies more.",
)
_RAW = Boolean(name="raw", label="Raw", help="Less polished, more like an unedited photograph.")

_ALL = (
    Endpoint(
        slug="flux-kontext-pro",
        name="Kontext Pro",
        purpose="Follows the prompt closely, good with text in pictures",
        price=Decimal("4"),
        megapixels=1,
        usual_seconds=7,
        deadline_seconds=300,
        parameters=(PROMPT, _ratio("1:1"), SEED, *COMMON),
    ),
    Endpoint(
        slug="flux-kontext-max",
        name="Kontext Max",
        purpose="The most careful with detail and lettering",
        price=Decimal("8"),
        megapixels=1,
        usual_seconds=8,
        deadline_seconds=300,
        parameters=(PROMPT, _ratio("1:1"), SEED, *COMMON),
    ),
    Endpoint(
        slug="flux-pro-1.1-ultra",
        name="Pro 1.1 Ultra",
        purpose="Four megapixels, for print and large screens",
        price=Decimal("6"),
        megapixels=4,
        usual_seconds=11,
        deadline_seconds=300,
        parameters=(PROMPT, _ratio("16:9"), SEED, _RAW, *COMMON),
    ),
    Endpoint(
        slug="flux-pro-1.1",
        name="Pro 1.1",
        purpose="Quick and reliable, exact sizes",
        price=Decimal("4"),
        megapixels=1,
        usual_seconds=3,
        deadline_seconds=240,
        parameters=(PROMPT, WIDTH, HEIGHT, SEED, *COMMON),
    ),
    Endpoint(
        slug="flux-pro",
        name="Pro 1.0",
        purpose="The first of the line, with fine control",
        price=Decimal("5"),
        megapixels=1,
        usual_seconds=6,
        deadline_seconds=240,
        parameters=(PROMPT, WIDTH, HEIGHT, SEED, _steps(40), _guidance(2.5), _INTERVAL, *COMMON),
    ),
    Endpoint(
        slug="flux-dev",
        name="Dev",
        purpose="The least expensive, for trying things out",
        price=Decimal("2.5"),
        megapixels=1,
        usual_seconds=5,
        deadline_seconds=240,
        parameters=(PROMPT, WIDTH, HEIGHT, SEED, _steps(28), _guidance(3.0), *COMMON),
    ),
)

ENDPOINTS: dict[str, Endpoint] = {endpoint.slug: endpoint for endpoint in _ALL}
