"""The studio's form, drawn from an endpoint's entry in the catalogue. It validates and never saves."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django import forms
from django.forms import BoundField

from generations import bfl
from generations.bfl import Endpoint, parameters
from generations.bfl.parameters import Parameter, Value
from generations.ledger import plain
from generations.room import Room

RATIOS = ("21:9", "16:9", "3:2", "4:3", "1:1", "3:4", "2:3", "9:16", "9:21")
CUSTOM_RATIO = "aspect_ratio_custom"


@dataclass(frozen=True, slots=True)
class RatioChoice:
    value: str
    width: int
    height: int
    pixels: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class EndpointChoice:
    endpoint: Endpoint
    is_chosen: bool
    is_enabled: bool


class GenerationForm(forms.Form):
    """`params` holds the parameters to send once the form is valid."""

    params: dict[str, Value]

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        balance: Decimal,
        room: Room | None = None,
        switched_off: frozenset[str] = frozenset(),
        endpoints: Mapping[str, Endpoint] = bfl.ENDPOINTS,
        data: Mapping[str, Any] | None = None,
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(data=data, initial=dict(initial or {}))
        # Each form that is drawn has a token of its own: see models.Press.
        self.press = uuid.uuid4()
        self.endpoint = endpoint
        self.balance = balance
        self.room = room
        self.switched_off = switched_off
        self.endpoints = endpoints
        for parameter in endpoint.parameters:
            self.fields[parameter.name] = _FIELDS[type(parameter)](parameter)
        if self.takes_ratio:
            self.fields[CUSTOM_RATIO] = forms.Field(
                required=False, label="Another shape", widget=_text_input(placeholder="5:4", maxlength=9)
            )

    def clean(self) -> dict[str, Any]:
        given = dict(self.cleaned_data)
        custom = given.pop(CUSTOM_RATIO, None)
        if custom:
            given["aspect_ratio"] = custom
        try:
            self.params = self.endpoint.clean(given)
        except bfl.InvalidParameters as invalid:
            for name, sentence in invalid.errors.items():
                self.add_error(CUSTOM_RATIO if custom and name == "aspect_ratio" else name, sentence)
        return given

    @property
    def token(self) -> uuid.UUID | None:
        """What the form was drawn with that was sent; None for a caller who sends none."""
        try:
            return uuid.UUID(str(self.data.get("press", "")))
        except ValueError:
            return None

    @property
    def takes_ratio(self) -> bool:
        return "aspect_ratio" in self.fields

    @property
    def choices_of_endpoint(self) -> list[EndpointChoice]:
        return [
            EndpointChoice(entry, slug == self.endpoint.slug, slug not in self.switched_off)
            for slug, entry in self.endpoints.items()
        ]

    @property
    def prompt(self) -> BoundField:
        return self["prompt"]

    @property
    def seed_field(self) -> BoundField:
        return self["seed"]

    @property
    def ratio(self) -> BoundField | None:
        return self["aspect_ratio"] if self.takes_ratio else None

    @property
    def custom_ratio(self) -> BoundField | None:
        return self[CUSTOM_RATIO] if self.takes_ratio else None

    @property
    def ratio_choices(self) -> list[RatioChoice]:
        chosen = self["aspect_ratio"].value() if self.takes_ratio else ""
        return [self._ratio_choice(value, value == chosen) for value in RATIOS]

    def _ratio_choice(self, value: str, is_chosen: bool) -> RatioChoice:
        width, height = self.endpoint.size_of({"aspect_ratio": value})
        return RatioChoice(value, width, height, f"{width} × {height}", is_chosen)

    @property
    def size_fields(self) -> list[BoundField]:
        return [self[name] for name in ("width", "height") if name in self.fields]

    @property
    def more_fields(self) -> list[BoundField]:
        apart = {"prompt", "seed", "aspect_ratio", CUSTOM_RATIO, "width", "height"}
        return [self[name] for name in self.fields if name not in apart]

    @property
    def total(self) -> Decimal:
        """Credits that pressing the button costs."""
        return self.endpoint.price

    @property
    def left_after(self) -> Decimal:
        return self.balance - self.total

    @property
    def refusal(self) -> str:
        """Why pressing the button now could only be refused, or nothing."""
        if self.endpoint.slug in self.switched_off:
            return f"{self.endpoint.name} is switched off at the moment. Choose another model."
        if self.left_after < 0:
            missing = plain(-self.left_after)
            return f"You are {missing} credits short. Ask a member of staff for more."
        return ""

    @property
    def caution(self) -> str:
        """Why a press would be refused by what may pass while the page stays open, or nothing.

        The button stays as it is, because nothing draws it anew when a place or a limit is free again.
        """
        return self.room.refusal(self.total) if self.room else ""


def initial_of(endpoint: Endpoint, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the defaults of an endpoint, overlaid with those of `values` that it takes."""
    initial: dict[str, Any] = {}
    for parameter in endpoint.parameters:
        given = values.get(parameter.name)
        initial[parameter.name] = parameter.default if given in (None, "") else given
        if isinstance(parameter, parameters.Boolean):
            # A box that shows "false" would be ticked.
            initial[parameter.name] = str(initial[parameter.name]).lower() in ("true", "on")
    ratio = initial.get("aspect_ratio")
    if ratio is not None and ratio not in RATIOS:
        initial[CUSTOM_RATIO] = ratio
    return initial


def _text_input(**attrs: object) -> forms.TextInput:
    return forms.TextInput(attrs={"autocomplete": "off", **attrs})


def _text(parameter: parameters.Text) -> forms.Field:
    # Longer text may be pasted and is then refused with its length; cutting it off would lose words.
    attrs = {
        "rows": 5,
        "dir": "auto",
        "data-max-length": parameter.max_length,
        "placeholder": "Say what you see",
    }
    return _field(parameter, forms.Textarea(attrs=attrs))


def _integer(parameter: parameters.Integer) -> forms.Field:
    attrs = {"min": parameter.minimum, "max": parameter.maximum, "step": parameter.step}
    if parameter.maximum > 2**53:
        # Browsers' number fields round what is beyond a float.
        return _field(parameter, _text_input(inputmode="numeric", pattern="[0-9]*", placeholder="Random"))
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
