from __future__ import annotations

import base64
import io

import pytest
from PIL import Image

from sandbox.pictures import draw
from sandbox.pictures.sizes import size_of

SIZE = (128, 160)
PROMPTS = [
    "a lighthouse",
    "a fox in snow",
    "portrait of a woman",
    "city at night",
    "still life with lemons",
    "autumn forest",
    "a cat astronaut",
    "poster of a mountain",
    "desert dunes under stars",
    "greenhouse full of ferns",
    "misty mountains",
    "silk ribbons",
    "bauhaus shapes",
    "stained glass",
    "paper layers",
    "aurora",
]


def test_it_draws_the_same_bytes_for_the_same_seed() -> None:
    assert draw("a fox", 1, SIZE, "jpeg") == draw("a fox", 1, SIZE, "jpeg")


@pytest.mark.parametrize(("prompt", "seed"), [("a fox", 2), ("a cat", 1)])
def test_it_draws_another_picture_for_another_prompt_or_seed(prompt: str, seed: int) -> None:
    assert draw("a fox", 1, SIZE, "jpeg") != draw(prompt, seed, SIZE, "jpeg")


@pytest.mark.parametrize("prompt", PROMPTS)
def test_it_draws_every_family_with_light_and_dark(prompt: str) -> None:
    with Image.open(io.BytesIO(draw(prompt, 3, SIZE, "png"))) as image:
        assert (image.mode, image.size) == ("RGB", SIZE)
        levels = image.convert("L").tobytes()
    assert max(levels) - min(levels) > 90


def test_it_takes_any_prompt() -> None:
    for prompt in ("", "ß水\n" * 999, "1234"):
        assert draw(prompt, -(2**70), (256, 256), "webp")


@pytest.mark.parametrize(
    ("slug", "params", "size"),
    [
        ("flux-dev", {"width": 1024, "height": 768}, (1024, 768)),
        ("flux-pro-1.1-ultra", {"aspect_ratio": "16:9"}, (2752, 1536)),
        ("flux-pro-1.1-ultra", {"aspect_ratio": "1:1"}, (2048, 2048)),
        ("flux-kontext-pro", {"aspect_ratio": None}, (1024, 1024)),
        ("flux-kontext-pro", {"aspect_ratio": "7:3"}, (1568, 672)),
        ("flux-kontext-max", {"aspect_ratio": "9:21"}, (672, 1568)),
        ("flux-kontext-max", {"aspect_ratio": None, "input_image": "not a picture"}, (1024, 1024)),
    ],
)
def test_it_knows_the_size(slug: str, params: dict[str, object], size: tuple[int, int]) -> None:
    assert size_of(slug, params) == size


def test_it_keeps_the_ratio_of_an_input_image() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (300, 200)).save(buffer, "PNG")
    image = base64.b64encode(buffer.getvalue()).decode()
    params = {"aspect_ratio": None, "input_image": image}
    assert size_of("flux-kontext-pro", params) == (1248, 832)
