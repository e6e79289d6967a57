"""`loalang pki …`: makes, renews and rotates the certificates of this installation, and shows them.

They are files in `pki/` of the data folder and rows in the database; only `init` is needed once, by hand.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING

from controller.cli import terminal
from controller.cli.commands import expect_installation, set_up_database
from controller.cli.terminal import CliError, Commands, words

if TYPE_CHECKING:
    from controller.pki.folder import Folder

BROKER_PORT = 8883


def add(commands: Commands) -> None:
    """The sub-command of `loalang`."""
    parser = commands.add_parser("pki", help=words("chứng thư của máy chủ và các hộp", "certificates"))
    actions = parser.add_subparsers(dest="action", required=True, metavar="init|server|bridge|rotate|show")

    def action(name: str, vi: str, en: str, run: Callable[[Namespace], int]) -> ArgumentParser:
        found: ArgumentParser = actions.add_parser(name, help=words(vi, en))
        found.set_defaults(run=run)
        return found

    init = action("init", "tạo CA và mọi chứng thư (một lần)", "make the CA and every certificate (once)", run_init)
    _names(init, required=True)
    _broker(init)
    server = action("server", "cấp lại chứng thư máy chủ", "renew the server's certificate", run_server)
    _names(server, required=False)
    server.add_argument(
        "--only",
        action="store_true",
        help=words("bỏ những tên cũ không ghi ở --name", "drop the names it had that --name does not give"),
    )
    _broker(server)
    action("bridge", "cấp lại chứng thư của cầu nối", "renew the bridge's certificate", run_bridge)
    rotate = action("rotate", "thay CA; CA cũ bảo lãnh cho CA mới", "a new CA, vouched for by the old one", run_rotate)
    rotate.add_argument("--yes", action="store_true", help=words("không hỏi lại", "do not ask"))
    action("show", "xem chứng thư và hạn dùng", "show certificates and how long they last", run_show)


def _names(parser: ArgumentParser, *, required: bool) -> None:
    parser.add_argument(
        "--name",
        action="append",
        default=[],
        required=required,
        metavar="HOST",
        help=words("tên hoặc địa chỉ máy chủ; có thể lặp lại", "host name or address; may be repeated"),
    )


def _broker(parser: ArgumentParser) -> None:
    parser.add_argument("--broker-port", type=int, default=BROKER_PORT, metavar="PORT", help=str(BROKER_PORT))
    parser.add_argument("--broker-address", default="", metavar="ADDRESS", help=words("mặc định: mọi địa chỉ", "all"))


def run_init(args: Namespace) -> int:
    folder = _folder()
    if folder.is_set_up:
        raise CliError(
            words(
                f"{folder.path} đã có CA; thay CA bằng “loalang pki rotate”",
                f'{folder.path} has a CA; change it with "loalang pki rotate"',
            )
        )
    names = _checked(args.name)
    from django.conf import settings
    from django.utils import timezone

    now = timezone.now()
    folder.add_authority(f"{settings.LOALANG.province}/{settings.LOALANG.environment}", now)
    folder.make_server(names, now)
    folder.make_bridge(now)
    _write_broker(args)
    return run_show(args)


def run_server(args: Namespace) -> int:
    folder = _folder()
    from django.utils import timezone

    before = folder.server_names()
    names = _checked(args.name) or before
    if not names:
        raise CliError(words("--name: cần tên máy chủ", "--name: the server's name is needed"))
    _expect_kept(before, names, args)
    folder.make_server(names, timezone.now())
    _write_broker(args)
    if names != before:
        was, now = ", ".join(before) or "–", ", ".join(names)
        terminal.say(words(f"Tên của chứng thư: trước {was}; nay {now}.", f"Its names: before {was}; now {now}."))
    return run_show(args)


def _expect_kept(before: list[str], names: list[str], args: Namespace) -> None:
    """Boxes that know the server by a name that is dropped do not find it any more."""
    gone = ", ".join(name for name in before if name not in names)
    if gone and not args.only:
        raise CliError(
            words(
                f"chứng thư đang có tên {gone}; hộp dùng tên đó sẽ không nối được. Ghi thêm --name cho mỗi tên, "
                "hoặc thêm --only để bỏ",
                f"the certificate is also for {gone}; boxes that use it could not connect. Give --name for each, "
                "or --only to drop them",
            )
        )


def run_bridge(args: Namespace) -> int:
    folder = _folder()
    from django.utils import timezone

    folder.make_bridge(timezone.now())
    return run_show(args)


def run_rotate(args: Namespace) -> int:
    folder = _folder()
    before = folder.authorities()[0]
    if not args.yes:
        raise CliError(
            words(
                f"Thay CA {before.fingerprint[:16]}…: box.toml của hộp mới phải ghi vân tay mới. Thêm --yes để làm.",
                f"This replaces CA {before.fingerprint[:16]}…: new boxes' box.toml need its fingerprint. Add --yes.",
            )
        )
    from django.conf import settings
    from django.utils import timezone

    from controller.pki.services import publish, tell_broker

    now, names = timezone.now(), folder.server_names()
    folder.add_authority(f"{settings.LOALANG.province}/{settings.LOALANG.environment}", now)
    if names:
        folder.make_server(names, now)
    folder.make_bridge(now)
    if not publish():
        tell_broker(settings.LOALANG)
    return run_show(args)


def run_show(args: Namespace) -> int:
    del args
    expect_installation()
    folder = _folder()
    from django.conf import settings
    from django.utils import timezone

    from controller.pki.models import BoxCertificate

    newest, *older = folder.authorities()
    until = words("đến", "until")
    terminal.say(words("Ghi vào box.toml, dưới [controller]:", "Write into box.toml, under [controller]:"))
    terminal.say(f'ca = "{newest.fingerprint}"')
    terminal.say(f"CA      {until} {newest.certificate.not_valid_after_utc:%d-%m-%Y}")
    for one in older:
        terminal.say(f"CA      {until} {one.certificate.not_valid_after_utc:%d-%m-%Y}  {one.fingerprint}")
    for name, path in (("server", folder.server[0]), ("bridge", folder.bridge[0])):
        certificate = folder.certificate(path)
        if certificate is not None:
            names = ", ".join(folder.server_names()) if name == "server" else ""
            terminal.say(f"{name:7} {until} {certificate.not_valid_after_utc:%d-%m-%Y}  {names}".rstrip())
    rows = BoxCertificate.objects.filter(not_after__gt=timezone.now())
    good, revoked = rows.filter(revoked=None).count(), rows.exclude(revoked=None).count()
    terminal.say(words(f"hộp     {good} còn hạn, {revoked} bị thu hồi", f"boxes   {good} valid, {revoked} revoked"))
    terminal.say(f"broker  {settings.LOALANG.broker_folder / 'mosquitto.conf'}")
    return 0


def _folder() -> "Folder":
    set_up_database()
    from controller.pki.services import folder

    return folder()


def _write_broker(args: Namespace) -> None:
    from django.conf import settings

    from controller.pki.services import set_up_broker, tell_broker

    set_up_broker(args.broker_port, args.broker_address)
    tell_broker(settings.LOALANG)


def _checked(names: list[str]) -> list[str]:
    from controller.pki.authority import is_name

    for name in names:
        if not is_name(name):
            raise CliError(
                words(
                    f"--name: {name!r} không phải tên máy chủ hay địa chỉ",
                    f"--name: {name!r} is no host name or address",
                )
            )
    return names
