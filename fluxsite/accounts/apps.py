from __future__ import annotations

from django.apps import AppConfig
from django.db.models import UniqueConstraint
from django.db.models.functions import Upper

NAME_WITHOUT_CASE = UniqueConstraint(
    Upper("username"),
    name="auth_user_name_without_case",
    violation_error_message=(
        "There is a person of this name already, in other small and capital letters. Choose another name."
    ),
)


class AccountsConfig(AppConfig):
    name = "fluxsite.accounts"
    label = "fluxsite_accounts"

    def ready(self) -> None:
        from django.contrib.auth.models import User

        # Migration 0001 has made it in the database. Here it gives forms their sentence.
        User._meta.constraints = [*User._meta.constraints, NAME_WITHOUT_CASE]
