"""The sample province: units of today, people with one-time passwords and keys, regulations, who signs what.

Everything goes through the services that the pages call; needs Django set up on the demo's data folder.
"""

import datetime as dt
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.utils import timezone

from controller.accounts import services as accounts
from controller.accounts.models import Person, Role
from controller.cli.keys import make_key_file
from controller.cli.roots import build, sign_roots
from controller.cli.rootspec import BoundSpec, HolderSpec, PartySpec, RootsSpec
from controller.core.times import ZONE
from controller.demo.layout import ENVIRONMENT, PASSPHRASE, PROVINCE, Layout
from controller.pki import services as pki
from controller.schedules.models import PolicyRecord
from controller.schedules.rules import DEMO
from controller.schedules.signing import schedule_signer
from controller.trust.services import import_roots
from controller.units import services as units
from controller.units.services import unit_by_code
from protocol import keyfile
from protocol.quantities import EVERY_DAY
from protocol.roles import root_fingerprint
from protocol.signing import KeySigner

HERE: Final = "79-26506"
"""Phường Vũng Tàu: the commune of the real agent and of the journey."""
ELSEWHERE: Final = ("79-26560", "79-26659", "79-26680", "79-26620", "79-26732")
"""Bà Rịa, Long Điền, Đất Đỏ, Hồ Tràm, Côn Đảo."""
SHARE_HERE: Final = 3
"""Every third simulated box hangs in HERE too."""


@dataclass(frozen=True)
class Sample:
    """A person of the sample province."""

    username: str
    name: str
    about: str
    roles: tuple[tuple[Role, str], ...]
    signs: bool = False
    speaks: bool = False
    """Warns of listed events, and speaks live, for the ward of the demo alone."""


PEOPLE: Final = (
    Sample("lan", "Lan", "biên tập phường Vũng Tàu · edits", ((Role.EDITOR, HERE),)),
    Sample(
        "hoa",
        "Hoa",
        "duyệt, ký lệnh khẩn cấp, quản lý danh sách · approves, signs emergencies and lists of people",
        ((Role.APPROVER, HERE), (Role.SIGNER, PROVINCE)),
        signs=True,
        speaks=True,
    ),
    Sample(
        "minh",
        "Minh",
        "ký lệnh khẩn cấp, quản lý danh sách · signs emergencies and lists of people",
        ((Role.SIGNER, PROVINCE), (Role.VIEWER, PROVINCE)),
        signs=True,
    ),
    Sample("tuan", "Tuấn", "kỹ thuật · technician", ((Role.TECHNICIAN, PROVINCE),)),
    Sample(
        "an",
        "An",
        "quản trị tài khoản và hộp, không có khóa · administers accounts and boxes, has no key",
        ((Role.ADMINISTRATOR, PROVINCE), (Role.EDITOR, PROVINCE), (Role.APPROVER, PROVINCE)),
    ),
)


@dataclass(frozen=True)
class World:
    """What was made."""

    passwords: dict[str, str]
    """One-time password by username."""
    ca: str
    """Fingerprint of the CA, pinned there too."""


def make(layout: Layout) -> World:
    """Fill an empty data folder with the sample province."""
    units.load()
    passwords = {}
    for sample in PEOPLE:
        appointments = [(role, unit_by_code(code)) for role, code in sample.roles]
        person, passwords[sample.username] = accounts.add_person(sample.username, sample.name, appointments)
        if sample.signs:
            _give_key(person, sample, layout)
    root = KeySigner(Ed25519PrivateKey.generate())
    appoint_signers(layout, root)
    regulate(timezone.now())
    return World(passwords, _certify(layout))


def _certify(layout: Layout) -> str:
    """As `loalang pki init` does it; the fingerprint of the CA."""
    folder, now = pki.folder(), timezone.now()
    authority = folder.add_authority(f"{PROVINCE}/{ENVIRONMENT}", now)
    folder.make_server(["localhost", "127.0.0.1"], now)
    folder.make_bridge(now)
    pki.set_up_broker(layout.broker_port, "127.0.0.1")
    return authority.fingerprint


def unit_of(number: int) -> str:
    """The commune of the simulated box of this number, counted from 1."""
    return HERE if number % SHARE_HERE == 1 else ELSEWHERE[number % len(ELSEWHERE)]


def _give_key(person: Person, sample: Sample, layout: Layout) -> None:
    text = make_key_file(sample.name, PASSPHRASE)
    layout.keys.mkdir(parents=True, exist_ok=True)
    _secret(layout.key_file(sample.username), text)
    accounts.register_key_file(person, text, "demo")


def parties(url: str) -> tuple[PartySpec, ...]:
    """The demo's console, so that whoever tries it can sign with the finger too; passkeys know names, not addresses."""
    return (PartySpec(id="localhost", origins=(url,)),)


def appoint_signers(layout: Layout, root: KeySigner) -> None:
    """The roots, signed by the root key: two persons for an emergency and for lists of people, one to cancel, stop and
    approve; the controller for schedules. Hoa may warn and speak for the ward as well.
    """
    persons = tuple(
        HolderSpec(
            person=sample.name,
            roles=(
                *("EMERGENCY", "CANCEL", "STOP", "CONTENT", "DELEGATION", "EXCEPTION"),
                *(("COMMUNE",) if sample.speaks else ()),
            ),
            scope=(PROVINCE, HERE) if sample.speaks else (PROVINCE,),
            public=keyfile.read(layout.key_file(sample.username).read_text()).public_key.hex(),
        )
        for sample in PEOPLE
        if sample.signs
    )
    machine = HolderSpec(
        person="controller", roles=("SCHEDULE",), scope=(PROVINCE,), public=schedule_signer().public_key.hex()
    )
    bounds = tuple(BoundSpec(role=role, scope=(PROVINCE,), days=400) for role in ("COMMUNE", "CONTENT", "STOP"))
    holder = HolderSpec(person="root", roles=("ROOT",), scope=(PROVINCE,), public=root.public_key.hex())
    spec = RootsSpec(
        province=PROVINCE,
        environment=ENVIRONMENT,
        version=1,
        holders=(*persons, machine, holder),
        bounds=bounds,
        parties=parties(layout.url),
        events=("flood", "fire"),
    )
    roots = build(spec, int(time.time()))
    import_roots(sign_roots(roots, root), root_fingerprint(roots))


def regulate(now: dt.datetime) -> None:
    """Eight quiet hours a day, laid opposite to now, so that the demo can be shown at any hour of the day or night.

    Only an installation whose environment is `demo` honours such a record.
    """
    start = (now.astimezone(ZONE) + dt.timedelta(hours=8)).hour * 3600
    PolicyRecord.objects.create(
        unit=unit_by_code(PROVINCE),
        template=DEMO,
        quiet=[[start, (start + 8 * 3600) % 86_400, EVERY_DAY]],
        changed=now,
    )
    accounts.audit(None, "policy.set", f"unit:{PROVINCE}", template=DEMO)


def _secret(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)
