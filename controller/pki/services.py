"""Certificates for boxes, and their end: first a row, then the broker's files, then the broker is told.

The files are compared with the rows every few seconds too (`worker.loop`): a power cut between row and file leaves no
stolen box connected.
"""

import contextlib
import datetime as dt
import fcntl
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import structlog
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from controller.core.config import Config
from controller.pki import authority as making
from controller.pki import broker
from controller.pki.folder import SECRET, Folder, write
from controller.pki.models import BoxCertificate

log = structlog.get_logger("pki")

KEPT_SHARE: Final = 0.5
"""A box that asks again gets the same certificate while more than this share of its life is left."""


def folder() -> Folder:
    return Folder(settings.LOALANG.pki)


def is_set_up() -> bool:
    """Whether this installation has a CA."""
    return folder().is_set_up


def bundle() -> bytes | None:
    """Every CA that boxes are to know; None without a PKI."""
    there = folder()
    return there.bundle.read_bytes() if there.is_set_up else None


@transaction.atomic
def issue(box: str, public_key: bytes, now: dt.datetime | None = None) -> bytes | None:
    """The box's certificate as PEM, for its raw Ed25519 key; None without a PKI. Whoever calls has checked the box."""
    there, now = folder(), now or timezone.now()
    if not there.is_set_up:
        return None
    issuer = there.authorities()[0]
    for row in BoxCertificate.objects.filter(box=box, revoked=None, authority=issuer.fingerprint, not_after__gt=now):
        if row.not_after - now > (row.not_after - row.not_before) * KEPT_SHARE:
            return row.pem.encode()
    certificate = making.issue_client(issuer, Ed25519PublicKey.from_public_bytes(public_key), box, now)
    pem = making.pem([certificate])
    BoxCertificate.objects.create(
        serial=f"{certificate.serial_number:x}",
        box=box,
        authority=issuer.fingerprint,
        pem=pem.decode(),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )
    transaction.on_commit(publish_calmly)
    log.info("a certificate was issued", box=box, until=certificate.not_valid_after_utc.isoformat())
    return pem


def holds_certificate(box: str, now: dt.datetime) -> bool:
    """Whether the box has one that counts; true for every box where none is asked for."""
    if not settings.LOALANG.broker_public.startswith("mqtts:") or not is_set_up():
        return True
    return BoxCertificate.objects.filter(box=box, revoked=None, not_after__gt=now).exists()


def certified_until(box: str, now: dt.datetime) -> dt.datetime | None:
    """Until when the box may come to the broker by what it was given; None for one that has nothing."""
    rows = BoxCertificate.objects.filter(box=box, revoked=None, not_after__gt=now)
    return rows.order_by("-not_after").values_list("not_after", flat=True).first()


@transaction.atomic
def revoke(box: str, now: dt.datetime | None = None) -> int:
    """No certificate of this box counts any more; how many there were. The broker is told after the commit."""
    count = BoxCertificate.objects.filter(box=box, revoked=None).update(revoked=now or timezone.now())
    if count:
        log.warning("a box is revoked", box=box, certificates=count)
        transaction.on_commit(publish_calmly)
    return count


def publish_calmly() -> None:
    """`publish`; a disk that refuses is logged, and tried again by the worker."""
    try:
        publish()
    except OSError as error:
        log.error(  # noqa: TRY400 - the error says it all
            "the broker's files were not written; it is tried again", error=str(error), way_out="see LOALANG_BROKER_DIR"
        )


def publish(now: dt.datetime | None = None) -> bool:
    """Bring the broker's files in step with the rows, and tell it; False where they are. Raises OSError."""
    there, now, config = folder(), now or timezone.now(), settings.LOALANG
    if not there.is_set_up or not config.broker_folder.is_dir():
        return False
    with _alone(config.broker_folder):
        changed = [_publish_acl(config, now), _publish_list(there, config, now)]
    if any(changed):
        tell_broker(config)
    return any(changed)


def denied(now: dt.datetime) -> set[str]:
    """Boxes that were revoked, and have not been taken into use again since."""
    revoked = BoxCertificate.objects.filter(not_after__gt=now).exclude(revoked=None).values_list("box", flat=True)
    again = BoxCertificate.objects.filter(not_after__gt=now, revoked=None).values_list("box", flat=True)
    return set(revoked) - set(again)


def tell_broker(config: Config) -> bool:
    """SIGHUP to the process in LOALANG_BROKER_PID; False when there is none to tell."""
    try:
        number = int(config.broker_pid.read_text(encoding="ascii").strip())
        os.kill(number, signal.SIGHUP)
    except FileNotFoundError:
        return False  # no broker runs; it will read the files when it starts
    except (OSError, ValueError) as error:
        log.error(  # noqa: TRY400 - the error says it all
            "the broker could not be told of revoked boxes",
            pid_file=str(config.broker_pid),
            error=str(error),
            way_out="run Mosquitto as the controller's user, and set LOALANG_BROKER_PID to its pid_file",
        )
        return False
    return True


def set_up_broker(port: int, address: str = "") -> Path:
    """Write Mosquitto's configuration, with its ACL and list; the file's path. Raises OSError, `ConfigError`."""
    there, config = folder(), settings.LOALANG
    there.authorities()
    home: Path = config.broker_folder
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    certificate, key = there.server
    text = broker.CONFIG.format(
        folder=home,
        port=port,
        address=f" {address}" if address else "",
        bundle=there.bundle,
        certificate=certificate,
        key=key,
    )
    # Started by root, Mosquitto becomes the user `mosquitto`, who cannot read the controller's folders.
    text += "user root\n" if os.getuid() == 0 else ""
    write(home / "mosquitto.conf", text.encode())
    publish()
    return home / "mosquitto.conf"


def _publish_acl(config: Config, now: dt.datetime) -> bool:
    path, text = config.broker_folder / "acl", broker.acl(denied(now)).encode()
    if path.exists() and path.read_bytes() == text:
        return False
    write(path, text, SECRET)
    return True


def _publish_list(there: Folder, config: Config, now: dt.datetime) -> bool:
    """One list a CA, all in one file."""
    path = config.broker_folder / "crl.pem"
    held = _held_lists(path)
    rows = BoxCertificate.objects.filter(not_after__gt=now).exclude(revoked=None)
    revoked: dict[str, dict[int, dt.datetime]] = {}
    for serial, issuer, since in rows.values_list("serial", "authority", "revoked"):
        assert since is not None
        revoked.setdefault(issuer, {})[int(serial, 16)] = since
    changed, lists = False, []
    for one in there.authorities():
        wanted, before = revoked.get(one.fingerprint, {}), held.get(one.certificate.subject)
        if before is None or {row.serial_number for row in before} != set(wanted):
            changed = True
            after = None if before is None else before.last_update_utc
            before = making.revocation_list(one, wanted.items(), now, after)
        lists.append(before.public_bytes(Encoding.PEM))
    if changed or len(lists) != len(held):
        write(path, b"".join(lists))
        return True
    return False


def _held_lists(path: Path) -> dict[x509.Name, x509.CertificateRevocationList]:
    if not path.exists():
        return {}
    end = b"-----END X509 CRL-----\n"
    parts = [part + end for part in path.read_bytes().split(end) if part.strip()]
    try:
        return {one.issuer: one for one in map(x509.load_pem_x509_crl, parts)}
    except ValueError:
        return {}  # damaged: made anew


@contextlib.contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Web, worker and a command at the terminal may come at once."""
    with (home / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
