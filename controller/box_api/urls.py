"""Paths of `protocol.topics`."""

from django.urls import path, register_converter

from controller.box_api import views
from protocol import topics


class Sha256Hex:
    """64 hex digits, lower case."""

    regex = "[0-9a-f]{64}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class Version:
    """A number of roots, without a leading zero, that a database can hold."""

    regex = "0|[1-9][0-9]{0,9}"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: int) -> str:
        return str(value)


register_converter(Sha256Hex, "sha256")
register_converter(Version, "version")

app_name = "box_api"
urlpatterns = [
    path(topics.ENROL_PATH.removeprefix("/"), views.enrol, name="enrol"),
    path(topics.ROOTS_PATH.removeprefix("/"), views.roots, name="roots"),
    path(topics.CA_PATH.removeprefix("/"), views.authorities, name="ca"),
    path(topics.CERTIFICATE_PATH.removeprefix("/"), views.certificate, name="certificate"),
    path(topics.ORDER_PATH.removeprefix("/"), views.order, name="order"),
    path(topics.LIFELINE_PATH.removeprefix("/").format(roots="<version:roots>"), views.lifeline, name="lifeline"),
    path(topics.MANIFEST_PATH.removeprefix("/").format(hash="<sha256:name>"), views.manifest, name="manifest"),
    path(topics.BLOB_PATH.removeprefix("/").format(hash="<sha256:name>"), views.blob, name="blob"),
]
