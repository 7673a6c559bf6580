"""The catalogue against BFL's API reference and price list (docs.bfl.ai), endpoint by endpoint."""

from __future__ import annotations

from decimal import Decimal

import pytest

from generations.bfl import ENDPOINTS, Client, InvalidParameters
from sandbox import Sandbox

COMMON = {"prompt_upsampling": False, "safety_tolerance": 2, "output_format": "jpeg"}
SIZE = {"width": 1024, "height": 768}

# What is sent when only a prompt was given.
DEFAULTS: dict[str, dict[str, object]] = {
    "flux-kontext-pro": {"aspect_ratio": "1:1", **COMMON},
    "flux-kontext-max": {"aspect_ratio": "1:1", **COMMON},
    "flux-pro-1.1-ultra": {"aspect_ratio": "16:9", "raw": False, **COMMON},
    "flux-pro-1.1": {**SIZE, **COMMON},
    "flux-pro": {**SIZE, "steps": 40, "guidance": 2.5, "interval": 2.0, **COMMON},
    "flux-dev": {**SIZE, "steps": 28, "guidance": 3.0, **COMMON},
}
PRICES = {
    "flux-kontext-pro": "4",
    "flux-kontext-max": "8",
    "flux-pro-1.1-ultra": "6",
    "flux-pro-1.1": "4",
    "flux-pro": "5",
    "flux-dev": "2.5",
}
# Least, most, and the first that is off the grid.
RANGES: dict[str, tuple[float, float, float]] = {
    "width": (256, 1440, 257),
    "height": (256, 1440, 1439),
    "steps": (1, 50, 1.5),
    "guidance": (1.5, 5, 1.4999),
    "interval": (1, 4, 0.9999),
    "safety_tolerance": (0, 6, 0.5),
    "seed": (0, 2**63 - 1, 0.5),
}
RANGED = [
    pytest.param(slug, name, id=f"{slug} {name}")
    for slug, defaults in DEFAULTS.items()
    for name in RANGES
    if name in {"seed", *defaults}
]


def is_accepted(slug: str, name: str, value: object) -> bool:
    try:
        cleaned = ENDPOINTS[slug].clean({"prompt": "a lighthouse", name: value})
    except InvalidParameters as refusal:
        return set(refusal.errors) != {name}
    return cleaned[name] == value


def test_it_offers_the_six_endpoints() -> None:
    assert set(ENDPOINTS) == set(DEFAULTS)
    assert all(slug == endpoint.slug for slug, endpoint in ENDPOINTS.items())


@pytest.mark.parametrize("slug", DEFAULTS)
def test_it_takes_exactly_the_documented_parameters(slug: str) -> None:
    names = [parameter.name for parameter in ENDPOINTS[slug].parameters]
    assert sorted(names) == sorted({"prompt", "seed", *DEFAULTS[slug]})


@pytest.mark.parametrize("slug", DEFAULTS)
def test_it_sends_the_documented_defaults(slug: str) -> None:
    assert ENDPOINTS[slug].clean({"prompt": "a lighthouse"}) == {"prompt": "a lighthouse", **DEFAULTS[slug]}


@pytest.mark.parametrize("slug", DEFAULTS)
def test_it_costs_what_the_price_list_says(slug: str) -> None:
    assert ENDPOINTS[slug].price == Decimal(PRICES[slug])


@pytest.mark.parametrize(("slug", "name"), RANGED)
def test_it_takes_the_documented_range(slug: str, name: str) -> None:
    least, most, off = RANGES[name]
    assert is_accepted(slug, name, least)
    assert is_accepted(slug, name, most)
    assert not is_accepted(slug, name, off)
    assert not is_accepted(slug, name, least - 1)
    assert not is_accepted(slug, name, most + 1)


@pytest.mark.parametrize("slug", [slug for slug, defaults in DEFAULTS.items() if "width" in defaults])
@pytest.mark.parametrize("name", ["width", "height"])
def test_it_takes_every_size_on_the_grid_of_32(slug: str, name: str) -> None:
    accepted = [pixels for pixels in range(225, 1473) if is_accepted(slug, name, pixels)]
    assert accepted == list(range(256, 1441, 32))


@pytest.mark.parametrize("slug", DEFAULTS)
def test_it_takes_jpeg_and_png_only(slug: str) -> None:
    assert is_accepted(slug, "output_format", "jpeg")
    assert is_accepted(slug, "output_format", "png")
    assert not is_accepted(slug, "output_format", "webp")
    assert not is_accepted(slug, "output_format", "JPEG")


@pytest.mark.parametrize("slug", DEFAULTS)
def test_it_sends_what_the_api_accepts(slug: str, client: Client, sandbox: Sandbox) -> None:
    for defaults in ({}, {name: RANGES[name][0] for name in RANGES if name in DEFAULTS[slug]}):
        params = ENDPOINTS[slug].clean({"prompt": "a lighthouse", "seed": 2**63 - 1, **defaults})
        task = sandbox.tasks[client.submit(slug, params).id]
        assert {name: task.params[name] for name in params} == params


def test_it_expects_the_size_that_was_asked_for() -> None:
    assert ENDPOINTS["flux-dev"].size_of({"width": 256, "height": 1440}) == (256, 1440)


@pytest.mark.parametrize("ratio", ["1:1", "16:9", "3:7", "7:3", "21:9"])
@pytest.mark.parametrize(("slug", "megapixels"), [("flux-kontext-pro", 1), ("flux-pro-1.1-ultra", 4)])
def test_it_expects_a_size_of_the_ratio_that_was_asked_for(slug: str, megapixels: int, ratio: str) -> None:
    width, height = ENDPOINTS[slug].size_of({"aspect_ratio": ratio})
    wide, tall = map(int, ratio.split(":"))
    assert width % 16 == height % 16 == 0
    assert width * height == pytest.approx(megapixels * 1024 * 1024, rel=0.02)
    assert width / height == pytest.approx(wide / tall, rel=0.02)


def test_it_expects_a_square_where_no_shape_is_known() -> None:
    assert ENDPOINTS["flux-kontext-pro"].size_of({}) == (1024, 1024)


@pytest.mark.parametrize("slug", DEFAULTS)
def test_it_waits_much_longer_than_the_endpoint_usually_takes(slug: str) -> None:
    endpoint = ENDPOINTS[slug]
    assert 0 < endpoint.usual_seconds * 10 < endpoint.deadline_seconds
