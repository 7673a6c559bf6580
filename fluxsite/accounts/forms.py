from __future__ import annotations

from typing import Any

from allauth.account import forms


class LoginForm(forms.LoginForm):  # type: ignore[misc]  # allauth has no types
    """The login form, ready to be typed into."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].widget.attrs["autofocus"] = True
