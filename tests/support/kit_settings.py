"""The controller's settings, with one page more: the signing kit alone (`kit_urls`)."""

from controller.settings import *  # noqa: F403

ROOT_URLCONF = "tests.support.kit_urls"
