"""Commands that need the controller's database; Django is loaded only when one of them runs."""

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path

from controller.cli import roots, terminal, wording
from controller.cli.terminal import CliError, Commands, words
from protocol.roles import root_fingerprint

Run = Callable[[Namespace], int]
DEFAULT_PORT = 8080


def add(commands: Commands) -> None:
    _serve(commands.add_parser("serve", help=words("chạy hệ thống (mặc định: cả ba phần)", "run it (all three parts)")))
    migrate = commands.add_parser(
        "migrate", help=words("tạo hoặc nâng cấp cơ sở dữ liệu", "make or upgrade the database")
    )
    migrate.set_defaults(run=run_migrate)
    trust = commands.add_parser("roots", help=words("danh sách người ký", "who is trusted to sign"))
    actions = trust.add_subparsers(
        dest="action", required=True, metavar="make|next|sign|check|show|holders|import|machine"
    )
    roots.add(actions)
    _roots_import(actions.add_parser("import", help=words("nhập danh sách đã ký", "take over signed roots")))
    show = actions.add_parser(
        "show", help=words("xem một tệp, hoặc danh sách đang dùng", "show a file, or the roots in force")
    )
    show.add_argument("file", type=Path, nargs="?")
    show.set_defaults(run=run_roots_show)
    machine = actions.add_parser(
        "machine",
        help=words("khóa công khai của máy chủ (vai trò SCHEDULE)", "the controller's public key (role SCHEDULE)"),
    )
    machine.set_defaults(run=run_roots_machine)
    epoch = commands.add_parser("epoch", help=words("máy chủ này là máy chủ thứ mấy", "which controller this is"))
    higher = epoch.add_subparsers(dest="action", required=True, metavar="raise").add_parser(
        "raise",
        help=words(
            "sau khi khôi phục bản sao lưu hoặc thay máy chủ: từ nay các hộp theo máy này",
            "after a backup was restored or another machine took over: from now on boxes obey this one",
        ),
    )
    higher.set_defaults(run=run_epoch_raise)
    units = commands.add_parser("units", help=words("đơn vị hành chính", "administrative units"))
    take = units.add_subparsers(dest="action", required=True, metavar="import").add_parser(
        "import", help=words("nạp cây đơn vị", "load the tree of units")
    )
    take.add_argument("--root", help=words("chỉ nạp từ mã này trở xuống", "only from this code down"))
    take.set_defaults(run=run_units_import)
    person = commands.add_parser("person", help=words("người dùng", "people"))
    _person_add(
        person.add_subparsers(dest="action", required=True, metavar="add").add_parser(
            "add", help=words("thêm một người, in mật khẩu dùng một lần", "add somebody, print the one-time password")
        )
    )


def _serve(parser: ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="127.0.0.1")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help=str(DEFAULT_PORT))
    for part in ("web", "bridge", "worker"):
        parser.add_argument(f"--{part}", action="store_true", help=words("chỉ chạy phần này", "run only this part"))
    parser.add_argument(
        "--tls-port",
        type=int,
        metavar="PORT",
        help=words("phục vụ thêm HTTPS ở cổng này (cho các hộp)", "serve HTTPS on this port too (for boxes)"),
    )
    for name in ("cert", "key"):
        parser.add_argument(
            f"--tls-{name}",
            type=Path,
            metavar="PEM",
            help=words(
                "HTTPS ở --port, hoặc ở --tls-port nếu có; mặc định: của “loalang pki”",
                'HTTPS on --port, or on --tls-port where given; default: those of "loalang pki"',
            ),
        )
    parser.set_defaults(run=run_serve)


def _roots_import(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path)
    parser.add_argument(
        "--fingerprint",
        metavar="HEX",
        help=words(
            "vân tay khóa gốc mà “roots show” in ra ở máy lập; ở lần nhập đầu hãy luôn ghi",
            'the root fingerprint that "roots show" printed where they were made; give it the first time',
        ),
    )
    parser.add_argument(
        "--readmit",
        action="store_true",
        help=words(
            "cho khóa mà danh sách đơn vị đã thu hồi dùng lại (việc thu hồi là giả)",
            "let keys count again that lists of units took away (their revocation was false)",
        ),
    )
    parser.set_defaults(run=run_roots_import)


def _person_add(parser: ArgumentParser) -> None:
    parser.add_argument("username")
    parser.add_argument("--name", required=True, help=words("họ tên", "full name"))
    parser.add_argument(
        "--appoint",
        action="append",
        default=[],
        metavar="ROLE@UNIT",
        help="editor, approver, signer, technician, administrator, viewer",
    )
    parser.set_defaults(run=run_person_add)


def set_up() -> None:
    """Load Django with its settings. Raises `ConfigError`."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controller.settings")
    django.setup()


def expect_installation() -> None:
    """Who only looks makes no data folder. Raises `CliError`."""
    set_up()
    from django.conf import settings

    if not settings.LOALANG.database.exists():
        raise CliError(
            words(
                f"chưa có hệ thống nào ở {settings.LOALANG.data}; ghi LOALANG_DATA, hoặc chạy “loalang migrate”",
                f'no installation in {settings.LOALANG.data}; set LOALANG_DATA, or run "loalang migrate"',
            )
        )


def set_up_database() -> None:
    """Django, the data folder and an up-to-date database."""
    set_up()
    from django.conf import settings
    from django.core.management import call_command

    from controller.core import config

    config.prepare(settings.LOALANG)
    call_command("migrate", interactive=False, verbosity=0)


def run_serve(args: Namespace) -> int:
    set_up()
    from django.conf import settings

    from controller.serve.program import Parts, serve
    from controller.serve.tls import chosen_pair

    chosen = (args.web, args.bridge, args.worker)
    pair = chosen_pair(settings.LOALANG, args.tls_cert, args.tls_key, wanted=args.tls_port is not None)
    serve(args.host, args.port, Parts(*chosen) if any(chosen) else Parts(), pair=pair, tls_port=args.tls_port)
    return 0


def run_migrate(args: Namespace) -> int:
    del args
    set_up_database()
    terminal.say(words("Cơ sở dữ liệu đã sẵn sàng.", "The database is ready."))
    return 0


def run_roots_import(args: Namespace) -> int:
    data = terminal.read_bytes(args.file)
    fingerprint = None if args.fingerprint is None else roots.read_fingerprint(args.fingerprint)
    set_up_database()
    from controller.trust.services import current, current_roots, import_roots, names_this_controller

    first = current() is None
    row = import_roots(data, fingerprint, readmit=args.readmit)
    terminal.say(words(f"Đã nhập danh sách người ký số {row.version}.", f"Roots version {row.version} taken over."))
    if first and fingerprint is None:
        known = wording.grouped(root_fingerprint(current_roots()))
        terminal.say(
            words(
                f"Vân tay khóa gốc: {known}. Danh sách đầu tiên được nhận mà chưa so: đọc cho một người giữ khóa gốc; "
                "nếu khác, dừng lại, làm lại với thư mục dữ liệu mới.",
                f"Root fingerprint: {known}. These first roots were taken without comparing it: read it to a root "
                "holder; if it differs, stop, and begin anew with an empty data folder.",
            )
        )
    if not names_this_controller():
        terminal.say(
            words(
                "CẢNH BÁO: danh sách không có khóa của máy chủ này với vai trò SCHEDULE; các hộp sẽ không nhận lịch. "
                "Thêm khóa mà “loalang roots machine” in ra, tăng version, rồi lập lại.",
                "WARNING: this controller's key does not hold SCHEDULE in them; boxes will refuse its schedules. "
                'Add the key that "loalang roots machine" prints, raise the version, and make them again.',
            )
        )
    return 0


def run_roots_show(args: Namespace) -> int:
    if args.file is not None:
        roots.show_file(args.file)
        return 0
    expect_installation()
    set_up_database()
    from controller.trust.services import current_roots

    for line in wording.plain(wording.roots(current_roots())):
        terminal.say(line)
    return 0


def run_roots_machine(args: Namespace) -> int:
    del args
    set_up_database()
    from controller.trust.machine import schedule_signer

    terminal.say(schedule_signer().public_key.hex())
    return 0


def run_epoch_raise(args: Namespace) -> int:
    del args
    set_up_database()
    from controller.trust.epochs import raise_epoch

    number = raise_epoch()
    terminal.say(words(f"Máy chủ này từ nay mang số {number}.", f"This controller's epoch is {number} from now on."))
    return 0


def run_units_import(args: Namespace) -> int:
    set_up_database()
    from controller.units import services

    loaded = services.load(args.root)
    terminal.say(str(loaded))
    return 0


def run_person_add(args: Namespace) -> int:
    set_up_database()
    from controller.accounts.models import Role
    from controller.accounts.services import add_person
    from controller.units.services import unit_by_code

    appointments = []
    for text in args.appoint:
        role, _, code = text.partition("@")
        if role not in Role.values:
            known = ", ".join(Role.values)
            raise CliError(
                words(
                    f"--appoint: không có vai trò {role!r}; chọn trong {known}",
                    f"--appoint: no role {role!r}; choose of {known}",
                )
            )
        appointments.append((Role(role), unit_by_code(code, field="appoint")))
    person, password = add_person(args.username, args.name, appointments)
    terminal.say(f"{person.username}  {password}")
    return 0
