from __future__ import annotations

import pytest
from django.core import checks
from pytest_django import Settings


def found(*, is_deployed: bool) -> dict[str, checks.CheckMessage]:
    messages = checks.run_checks(include_deployment_checks=is_deployed)
    return {
        message.id: message for message in messages if message.id and message.id.startswith("generations.")
    }


@pytest.fixture(autouse=True)
def well_configured(settings: Settings) -> None:
    settings.BFL_API_KEY = "bfl_key"
    settings.BFL_API_BASE = "https://api.bfl.ai"
    settings.BFL_EXTRA_HOSTS = []
    settings.IS_HTTPS, settings.TRUSTED_PROXIES = True, 1


def test_it_is_content_with_a_good_configuration() -> None:
    assert found(is_deployed=True) == {}


def test_it_misses_the_key_of_a_deployed_site(settings: Settings) -> None:
    settings.BFL_API_KEY = ""
    message = found(is_deployed=True)["generations.E001"]
    assert message.level == checks.ERROR
    assert message.hint is not None
    assert "BFL_API_KEY" in message.hint


def test_it_needs_no_key_for_development(settings: Settings) -> None:
    settings.BFL_API_KEY, settings.IS_HTTPS = "", False
    assert found(is_deployed=False) == {}


@pytest.mark.parametrize("base", ["https://api.evil.com", "http://api.bfl.ai", "http://127.0.0.1:9000", ""])
@pytest.mark.parametrize("is_deployed", [False, True])
def test_it_finds_a_base_that_must_not_see_the_key(base: str, is_deployed: bool, settings: Settings) -> None:
    settings.BFL_API_BASE = base
    [message] = found(is_deployed=is_deployed).values()
    assert (message.id, message.level) == ("generations.E002", checks.ERROR)
    assert message.hint is not None
    assert "BFL_EXTRA_HOSTS" in message.hint


def test_it_is_content_with_a_base_that_the_operator_named(settings: Settings) -> None:
    settings.BFL_API_BASE, settings.BFL_EXTRA_HOSTS = "http://127.0.0.1:9000", ["127.0.0.1:9000"]
    assert found(is_deployed=True) == {}


def test_it_warns_of_a_public_site_without_https(settings: Settings) -> None:
    settings.IS_HTTPS = False
    [message] = found(is_deployed=True).values()
    assert (message.id, message.level) == ("generations.W001", checks.WARNING)
    assert message.hint is not None


def test_it_misses_the_proxy_of_a_site_with_https(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = 0
    assert list(found(is_deployed=True)) == ["generations.E006"]
