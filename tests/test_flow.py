from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.auth.models import User

from generations import bfl, ledger, lifecycle
from generations.models import Generation
from generations.sandbox import Sandbox
from tests.conftest import Work


@pytest.mark.parametrize("endpoint", bfl.ENDPOINTS)
def test_it_makes_a_picture_with_every_endpoint(endpoint: str, work: Work, alice: User, media: Path) -> None:
    generation = lifecycle.create(alice, endpoint, {"prompt": "a lighthouse at dusk"})[0]
    work()
    generation.refresh_from_db()
    assert generation.status == Generation.Status.SUCCEEDED
    assert (media / generation.image.file.name).stat().st_size == generation.image.byte_size
    assert ledger.get_balance(alice) == 100 - bfl.ENDPOINTS[endpoint].price
