"""Every page asks whom the boxes trust; the bytes are decoded when they are new."""

from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from controller.cli.roots import sign_roots
from controller.trust import services
from tests.support import province
from tests.support.installation import install
from tests.support.province import key

pytestmark = pytest.mark.django_db


def test_the_roots_are_decoded_once_for_each_version(settings: Any, tmp_path: Path) -> None:
    install(settings, tmp_path)
    now = timezone.now()
    made = province.make(now)
    first = services.current_roots()
    assert services.current_roots() is first
    services.import_roots(sign_roots(province.roots(made, now, version=2), key("root")), now=now)
    second = services.current_roots()
    assert (first.version, second.version) == (1, 2)
    assert services.current_roots() is second
