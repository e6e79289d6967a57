"""For every test of the controller."""

import pytest
from django.conf import LazySettings


@pytest.fixture(autouse=True)
def _quick_passwords(settings: LazySettings) -> None:
    """A million rounds of PBKDF2 protect people; tests have none to protect."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
