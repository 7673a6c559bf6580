"""The studio's form, drawn from an endpoint's entry in the catalogue. It validates and never saves."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django import forms
from django.forms import BoundField

from generations import bfl
from generations.bfl import Endpoint, parameters
from generations.bfl.catalogue import SEED
from generations.bfl.parameters import Parameter, Value
from generations.credits.amounts import find_amount
from generations.pipeline import lifecycle
from generations.presentation import wording
from generations.studio import aspect_ratios
from generations.studio.aspect_ratios import RATIOS, Shape
from generations.studio.endpoint_switch import CUSTOM_RATIO

COUNT = parameters.Integer(name="count", label="Count", minimum=1, maximum=lifecycle.LARGEST_COUNT, default=1)
SEED_MODE = parameters.Choice(
    name="seed_mode", label="Seed", choices=("random", "locked", "counting"), default="random"
)
SEED_MODES = {
    "random": "Random",
    "locked": "Locked",
    "counting": "Increment",
}
_APART = {"prompt", "seed", "aspect_ratio", CUSTOM_RATIO, "width", "height", "count", "seed_mode"}


@dataclass(frozen=True, slots=True)
class Setting:
    """A field under More, and what its reset brings back."""

    field: BoundField
    default: str
    shown_default: object

    @property
    def is_changed(self) -> bool:
        given = self.field.value()
        return (str(given).lower() if isinstance(given, bool) else str(given)) != self.default


@dataclass(frozen=True, slots=True)
class SeedMode:
    value: str
    label: str
    is_chosen: bool


class GenerationForm(forms.Form):
    """`requests` holds the parameters of each picture to buy, once the form is valid."""

    requests: list[dict[str, Value]]

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        data: Mapping[str, Any] | None = None,
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(data=data, initial=dict(initial or {}))
        self.endpoint = endpoint
        for parameter in (*endpoint.parameters, COUNT, SEED_MODE):
            self.fields[parameter.name] = _FIELDS[type(parameter)](parameter)
        if self.takes_ratio:
            self.fields[CUSTOM_RATIO] = _custom_ratio(endpoint)

    def clean(self) -> dict[str, Any]:
        given = dict(self.cleaned_data)
        custom = given.pop(CUSTOM_RATIO, None)
        if custom:
            given["aspect_ratio"] = custom
        count = self._taken(COUNT, given.pop("count"))
        mode = self._taken(SEED_MODE, given.pop("seed_mode") or ("locked" if given.get("seed") else "random"))
        if mode == "random":
            given.pop("seed", None)
        try:
            params = self.endpoint.clean(given)
        except bfl.InvalidParameters as invalid:
            for name, sentence in invalid.errors.items():
                self.add_error(CUSTOM_RATIO if custom and name == "aspect_ratio" else name, sentence)
        else:
            self.requests = self._each(params, int(count or 1), str(mode or "random"))
        return given

    def _taken(self, parameter: Parameter, given: object) -> Value | None:
        try:
            return parameter.clean(given or parameter.default)
        except ValueError as error:
            self.add_error(parameter.name, str(error))
            return None

    def _each(self, params: dict[str, Value], count: int, mode: str) -> list[dict[str, Value]]:
        """Return one request for each picture; counting up, the next picture has the next seed."""
        if mode == "random":
            return [params] * count
        if "seed" not in params:
            self.add_error("seed", "Write the seed to use, or choose a random one.")
            return []
        if mode == "locked":
            return [params] * count
        first = int(params["seed"])
        if first + count - 1 > SEED.maximum:
            self.add_error("seed", f"The seeds would count beyond {SEED.maximum}. Begin lower.")
        return [{**params, "seed": first + number} for number in range(count)]

    @property
    def token(self) -> uuid.UUID | None:
        """What the form was drawn with that was sent; None for a caller who sends none."""
        try:
            return uuid.UUID(str(self.data.get("press", "")))
        except ValueError:
            return None

    @property
    def price(self) -> Decimal | None:
        """What stood on the button for one picture; None for a caller who was shown none."""
        return find_amount(self.data.get("price", ""))

    @property
    def takes_ratio(self) -> bool:
        return "aspect_ratio" in self.fields

    @property
    def count(self) -> int:
        """How many pictures the button is drawn for: 1 while what stands there is no count."""
        try:
            return COUNT.clean(self["count"].value() or 1)
        except ValueError:
            return 1

    @property
    def count_field(self) -> BoundField:
        return self["count"]

    @property
    def prompt(self) -> BoundField:
        return self["prompt"]

    @property
    def seed_field(self) -> BoundField | None:
        return self["seed"] if "seed" in self.fields else None

    @property
    def seed_modes(self) -> list[SeedMode]:
        return [SeedMode(value, label, value == self._seed_mode) for value, label in SEED_MODES.items()]

    @property
    def makes_the_same_again(self) -> bool:
        """Whether all pictures would have the same seed, and so be one picture many times."""
        return self._seed_mode == "locked" and self.count > 1

    @property
    def _seed_mode(self) -> str:
        given = self.seed_field.value() if self.seed_field else ""
        return self["seed_mode"].value() or ("locked" if given else "random")

    @property
    def ratio(self) -> BoundField | None:
        return self["aspect_ratio"] if self.takes_ratio else None

    @property
    def custom_ratio(self) -> BoundField | None:
        return self[CUSTOM_RATIO] if self.takes_ratio else None

    @property
    def shapes(self) -> list[Shape]:
        if self.takes_ratio:
            return aspect_ratios.choices(self.endpoint, self["aspect_ratio"].value())
        return aspect_ratios.choices(
            self.endpoint, aspect_ratios.ratio_of(*(field.value() for field in self.size_fields))
        )

    @property
    def shape(self) -> Shape:
        """The shape that stands in the form, if it can be drawn; the endpoint's usual one if not."""
        ratio = self[CUSTOM_RATIO].value() or self["aspect_ratio"].value() if self.takes_ratio else ""
        given = (
            {"aspect_ratio": ratio} if ratio else {field.name: field.value() for field in self.size_fields}
        )
        return _shape(self.endpoint, given) or _shape(self.endpoint, {}) or Shape("1:1", 1024, 1024, True)

    @property
    def size_fields(self) -> list[BoundField]:
        return [self[name] for name in ("width", "height") if name in self.fields]

    @property
    def steps_told(self) -> str:
        side = next(parameter for parameter in self.endpoint.parameters if parameter.name == "width")
        return f"Each side {side.allowed}." if isinstance(side, parameters.Integer) else ""

    @property
    def more(self) -> list[Setting]:
        return [
            Setting(self[parameter.name], str(parameter.default).lower(), wording.value(parameter.default))
            for parameter in self.endpoint.parameters
            if parameter.name not in _APART
        ]


def initial_of(endpoint: Endpoint, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the defaults of an endpoint, overlaid with those of `values` that it takes."""
    initial: dict[str, Any] = {}
    for parameter in (*endpoint.parameters, COUNT):
        given = values.get(parameter.name)
        initial[parameter.name] = parameter.default if given in (None, "") else given
        if isinstance(parameter, parameters.Boolean):
            # A box that shows "false" would be ticked.
            initial[parameter.name] = str(initial[parameter.name]).lower() in ("true", "on")
    mode = values.get("seed_mode")
    has_seed = initial.get("seed") is not None
    initial["seed_mode"] = mode if mode in SEED_MODES else ("locked" if has_seed else "random")
    return initial | _ratios(endpoint, initial.get("aspect_ratio"), values.get(CUSTOM_RATIO))


def _ratios(endpoint: Endpoint, ratio: object, custom: object) -> dict[str, object]:
    """Return what stands in the two fields for a shape: the one that is left when one's own is cleared, and
    one's own."""
    if ratio is None or ratio in RATIOS:
        return {CUSTOM_RATIO: custom} if custom else {}
    default = _only(endpoint.parameters, parameters.Ratio).default
    return {"aspect_ratio": default, CUSTOM_RATIO: custom or ratio}


def _shape(endpoint: Endpoint, given: Mapping[str, object]) -> Shape | None:
    """Return the shape of some values if the endpoint would take them."""
    try:
        params = endpoint.clean({"prompt": "any", **given})
    except bfl.InvalidParameters:
        return None
    width, height = endpoint.size_of(params)
    return Shape(
        str(params.get("aspect_ratio") or aspect_ratios.ratio_of(width, height)), width, height, True
    )


def _text_input(**attrs: object) -> forms.TextInput:
    return forms.TextInput(attrs={"autocomplete": "off", **attrs})


def _text(parameter: parameters.Text) -> forms.Field:
    # Longer text may be pasted and is then refused with its length; cutting it off would lose words.
    attrs = {
        "rows": 5,
        "dir": "auto",
        "data-max-length": parameter.max_length,
        "placeholder": "Describe your picture",
        "aria-keyshortcuts": "p",
    }
    return _field(parameter, forms.Textarea(attrs=attrs))


def _integer(parameter: parameters.Integer) -> forms.Field:
    attrs = {"min": parameter.minimum, "max": parameter.maximum, "step": parameter.step}
    if parameter.maximum > 2**53:
        # Browsers' number fields round what is beyond a float.
        return _field(parameter, _text_input(inputmode="numeric", maxlength=20))
    return _field(parameter, forms.NumberInput(attrs=attrs))


def _number(parameter: parameters.Number) -> forms.Field:
    attrs = {"min": parameter.minimum, "max": parameter.maximum, "step": "any"}
    return _field(parameter, forms.NumberInput(attrs=attrs))


def _boolean(parameter: parameters.Boolean) -> forms.Field:
    return forms.BooleanField(required=False, label=parameter.label, help_text=parameter.help)


def _choice(parameter: parameters.Choice) -> forms.Field:
    choices = [(choice, choice.upper()) for choice in parameter.choices]
    return _field(parameter, forms.Select(choices=choices))


def _ratio(parameter: parameters.Ratio) -> forms.Field:
    return _field(parameter, _text_input())


def _custom_ratio(endpoint: Endpoint) -> forms.Field:
    """Return the field for a ratio of one's own. The script judges it by the same limits and words."""
    ratio = _only(endpoint.parameters, parameters.Ratio)
    attrs = {
        "placeholder": "5:4",
        "maxlength": 11,
        "data-widest": f"{ratio.widest.numerator}:{ratio.widest.denominator}",
        "aria-describedby": f"id_{CUSTOM_RATIO}_error",
        "data-refusals": json.dumps([parameters.refusal(ratio, "?"), parameters.refusal(ratio, "9999:1")]),
    }
    return forms.Field(required=False, label="Custom ratio", widget=_text_input(**attrs))


def _only(found: Iterable[Parameter], kind: type[parameters.Ratio]) -> parameters.Ratio:
    return next(parameter for parameter in found if isinstance(parameter, kind))


def _field(parameter: Parameter, widget: forms.Widget) -> forms.Field:
    """Return a field that passes on what was given: the catalogue is the one place that judges it."""
    return forms.Field(required=False, label=parameter.label, help_text=parameter.help, widget=widget)


_FIELDS: dict[type, Callable[[Any], forms.Field]] = {
    parameters.Text: _text,
    parameters.Integer: _integer,
    parameters.Number: _number,
    parameters.Boolean: _boolean,
    parameters.Choice: _choice,
    parameters.Ratio: _ratio,
}
