"""The six endpoints as data: parameters, price in credits, usual seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from sandbox.validation import Field


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    slug: str
    price: Decimal
    median: float
    p95: float
    fields: tuple[Field, ...]
    default_format: str = "jpeg"
    reports_progress: bool = False


_COMMON = (
    Field(name="seed", kind="integer", is_nullable=True),
    Field(name="prompt_upsampling", kind="boolean", default=False),
    Field(name="safety_tolerance", kind="integer", default=2, minimum=0, maximum=6),
    Field(name="output_format", kind="choice", is_nullable=True, choices=("jpeg", "png", "webp")),
    Field(name="webhook_url", kind="url", is_nullable=True),
    Field(name="webhook_secret", kind="string", is_nullable=True),
)
_PROMPT = Field(name="prompt", kind="string", default="", is_nullable=True)
_IMAGE_PROMPT = Field(name="image_prompt", kind="string", is_nullable=True)
_SIZE = (
    Field(name="width", kind="integer", default=1024, minimum=256, maximum=1440, multiple_of=32),
    Field(name="height", kind="integer", default=768, minimum=256, maximum=1440, multiple_of=32),
)
_KONTEXT = (
    Field(name="prompt", kind="string", is_required=True),
    Field(name="input_image", kind="string", is_nullable=True),
    Field(name="input_image_2", kind="string", is_nullable=True),
    Field(name="input_image_3", kind="string", is_nullable=True),
    Field(name="input_image_4", kind="string", is_nullable=True),
    Field(name="aspect_ratio", kind="ratio", is_nullable=True),
    *_COMMON,
)
_ULTRA = (
    _PROMPT,
    _IMAGE_PROMPT,
    Field(name="aspect_ratio", kind="ratio", default="16:9"),
    Field(name="raw", kind="boolean", default=False),
    Field(name="image_prompt_strength", kind="number", default=0.1, minimum=0, maximum=1),
    *_COMMON,
)


def _steps(default: int) -> Field:
    return Field(name="steps", kind="integer", default=default, is_nullable=True, minimum=1, maximum=50)


def _guidance(default: float) -> Field:
    return Field(name="guidance", kind="number", default=default, is_nullable=True, minimum=1.5, maximum=5)


_INTERVAL = Field(name="interval", kind="number", default=2.0, is_nullable=True, minimum=1, maximum=4)

_SIZED = (_PROMPT, _IMAGE_PROMPT, *_SIZE, *_COMMON)

ENDPOINTS: Mapping[str, Endpoint] = {
    endpoint.slug: endpoint
    for endpoint in (
        # BFL's schema says png for Kontext where its guide says jpeg; the servers send png.
        Endpoint(
            slug="flux-kontext-pro",
            price=Decimal(4),
            median=7,
            p95=12,
            fields=_KONTEXT,
            default_format="png",
        ),
        Endpoint(
            slug="flux-kontext-max",
            price=Decimal(8),
            median=8,
            p95=15,
            fields=_KONTEXT,
            default_format="png",
        ),
        Endpoint(slug="flux-pro-1.1-ultra", price=Decimal(6), median=11, p95=20, fields=_ULTRA),
        Endpoint(
            slug="flux-pro-1.1",
            price=Decimal(4),
            median=3,
            p95=7,
            fields=_SIZED,
            reports_progress=True,
        ),
        Endpoint(
            slug="flux-pro",
            price=Decimal(5),
            median=6,
            p95=10,
            fields=(*_SIZED, _steps(40), _guidance(2.5), _INTERVAL),
            reports_progress=True,
        ),
        Endpoint(
            slug="flux-dev",
            price=Decimal("2.5"),
            median=5,
            p95=9,
            fields=(*_SIZED, _steps(28), _guidance(3.0)),
            reports_progress=True,
        ),
    )
}
