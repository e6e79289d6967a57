"""An installation of the controller in a folder of the test."""

from dataclasses import replace
from pathlib import Path

from django.conf import LazySettings


def install(settings: LazySettings, folder: Path) -> None:
    """Data, keys and blobs below this folder; domain 77/test."""
    settings.LOALANG = replace(
        settings.LOALANG,
        data=folder,
        broker_folder=folder / "broker",
        broker_pid=folder / "broker" / "mosquitto.pid",
        province="77",
        environment="test",
        broker_public="mqtt://127.0.0.1:1883",
    )
