"""What is signed, in plain words, from the signed bytes alone: orders, approvals, delegations, exceptions, roots.

Lines for a terminal; nothing of a record is left out, since what is not shown could be what somebody is cheated with.
"""

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from controller.cli.terminal import language, words
from protocol.approval import Approval, QuietException, Subject
from protocol.bulletin import BulletinClass
from protocol.delegation import Delegation
from protocol.ids import sha256
from protocol.live import LiveSession
from protocol.manifest import Hours, Level, Policy
from protocol.messages import BY_CODE, OWN_WORDS
from protocol.order import Chime, MessageType, Order, Severity, Sound, Status
from protocol.quantities import EVERY_DAY
from protocol.roles import Holder, Role, Roots, root_fingerprint

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
FOREVER = 0xFFFF_FFFF
DAYS = {"vi": ("T2", "T3", "T4", "T5", "T6", "T7", "CN"), "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")}


def moment(at_s: int) -> str:
    """Local wall time of the province."""
    return datetime.fromtimestamp(at_s, ZONE).strftime("%d/%m/%Y %H:%M")


def plain(lines: Iterable[str]) -> list[str]:
    """Without anything that moves the cursor, hides letters or turns their order: such characters show their number."""
    return ["".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in line) for line in lines]


def grouped(data: bytes) -> str:
    """Hex in groups of four, to be read out."""
    digits = data.hex().upper()
    return " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))


def code(data: bytes) -> str:
    """What people compare with the page, of what is signed or of a public key: the first 8 bytes of its SHA-256."""
    return grouped(sha256(data)[:8])


def order(record: Order) -> list[str]:
    kinds = {
        MessageType.ALERT: words("PHÁT LỆNH", "ALERT"),
        MessageType.UPDATE: words("THAY LỆNH", "UPDATE"),
        MessageType.CANCEL: words("HỦY LỆNH", "CANCEL"),
        MessageType.STOP: words("DỪNG VÀ KHÓA LOA", "STOP AND LOCK THE SPEAKERS"),
        MessageType.REINSTATE: words("CHO PHÁT LẠI", "REINSTATE"),
    }
    statuses = {
        Status.ACTUAL: words("THẬT", "ACTUAL"),
        Status.EXERCISE: words("diễn tập", "exercise"),
        Status.TEST: words("kiểm tra, không ra loa", "test, silent"),
    }
    severities = {
        Severity.MINOR: words("nhẹ", "minor"),
        Severity.MODERATE: words("vừa", "moderate"),
        Severity.SEVERE: words("nghiêm trọng", "severe"),
        Severity.EXTREME: words("cực kỳ nghiêm trọng", "extreme"),
    }
    lines = [
        f"{kinds[record.type]} · {statuses[record.status]} · {record.event} · {severities[record.severity]}",
        words("ký với vai trò: ", "signed as: ") + role(record.role),
        words("khu vực: ", "area: ") + ", ".join(record.area),
    ]
    if record.sound is not None:
        lines += _sound(record.sound)
    if record.references:
        lines.append(words("về lệnh: ", "about: ") + ", ".join(reference.hex() for reference in record.references))
    if record.board:
        lines.append(words("chữ trên bảng: ", "on boards: ") + record.board)
    if record.reason:
        lines.append(words("lý do: ", "reason: ") + record.reason)
    if record.cap is not None:
        lines.append(words("theo bản tin CAP: ", "from the CAP document: ") + f"SHA-256 {record.cap.hex()}")
    if record.type is MessageType.STOP:
        ends = (
            moment(record.until) if record.until is not None else words("khi có lệnh cho phát lại", "when reinstated")
        )
        lines.append(words("khóa đến: ", "locked until: ") + ends)
    if record.not_before != record.issued:
        lines.append(words("phát từ: ", "not before: ") + moment(record.not_before))
    return [
        *lines,
        words("lập lúc: ", "issued: ") + moment(record.issued),
        words("hết hiệu lực: ", "expires: ") + moment(record.expires),
        words(
            f"số thứ tự {record.sequence}, theo danh sách số {record.epoch}, lệnh {record.id.hex()}",
            f"sequence {record.sequence}, under roots {record.epoch}, order {record.id.hex()}",
        ),
    ]


def approval(record: Approval) -> list[str]:
    subjects = {
        Subject.BULLETIN: words("DUYỆT BẢN TIN", "APPROVE A BULLETIN"),
        Subject.STATION: words("DUYỆT ĐÀI TIẾP SÓNG", "APPROVE A STATION FOR RELAY"),
        Subject.LINE: words("DUYỆT DÒNG CẠNH ĐỒNG HỒ TRÊN BẢNG TIN", "APPROVE A LINE BESIDE THE CLOCK ON BOARDS"),
    }
    classes = {
        BulletinClass.ORDINARY: words("thông thường", "ordinary"),
        BulletinClass.PRIORITY: words("ưu tiên", "priority"),
    }
    text = words("không có", "none") if record.text is None else f"SHA-256 {record.text.hex()}"
    names = {
        Subject.BULLETIN: words("âm thanh: ", "sound: "),
        Subject.STATION: words("đài: ", "station: "),
        Subject.LINE: words("dòng chữ và giờ hết hạn: ", "words and their end: "),
    }
    return [
        f"{subjects[record.subject]} · “{record.title}”",
        words("loại cao nhất: ", "highest class: ") + classes.get(record.klass, record.klass.name),
        words("ngôn ngữ: ", "language: ") + record.language,
        words("được phát ở đơn vị: ", "may sound in: ") + record.scope,
        f"{names[record.subject]}SHA-256 {record.hash.hex()}",
        words("lời văn: ", "text: ") + text,
        *([] if record.picture is None else [words("hình: ", "picture: ") + f"SHA-256 {record.picture.hex()}"]),
        words("lập lúc: ", "issued: ") + moment(record.issued),
        words("hết hiệu lực: ", "expires: ") + moment(record.expires),
        words(f"theo danh sách số {record.epoch}", f"under roots {record.epoch}"),
    ]


def exception(record: QuietException) -> list[str]:
    return [
        words("CHO PHÁT TRONG GIỜ YÊN TĨNH", "SOUND IN QUIET HOURS"),
        words("khu vực: ", "area: ") + ", ".join(record.area),
        words("từ: ", "from: ") + moment(record.start),
        words("đến: ", "to: ") + moment(record.end),
        words("lý do: ", "reason: ") + record.reason,
        words("lập lúc: ", "issued: ") + moment(record.issued),
        words(f"theo danh sách số {record.epoch}", f"under roots {record.epoch}"),
    ]


def live(record: LiveSession) -> list[str]:
    return [
        words("PHÁT TRỰC TIẾP", "LIVE VOICE"),
        words("ký với vai trò: ", "signed as: ") + role(record.role),
        words("khu vực: ", "area: ") + ", ".join(record.area),
        *([words("chỉ các hộp: ", "these boxes alone: ") + ", ".join(record.boxes)] if record.boxes else []),
        words("từ: ", "from: ") + moment(record.not_before),
        words("đến: ", "until: ") + moment(record.expires),
        *(
            []
            if record.attached is None
            else [words("nói trong lệnh báo động: ", "speaks inside the alarm: ") + record.attached.hex()]
        ),
        words("khóa của trang sẽ nói: SHA-256 ", "key of the page that will speak: SHA-256 ")
        + sha256(record.key).hex(),
        words("lý do: ", "reason: ") + record.reason,
        words("lập lúc: ", "issued: ") + moment(record.issued),
        words(f"theo danh sách số {record.epoch}", f"under roots {record.epoch}"),
        f"id: {record.id.hex()}",
    ]


def delegation(record: Delegation) -> list[str]:
    return [
        words(
            f"NGƯỜI CỦA ĐƠN VỊ {record.unit} · bản số {record.version}",
            f"PEOPLE OF {record.unit} · version {record.version}",
        ),
        *[f"  {line}" for one in record.holders for line in holder(one)],
        *([] if record.holders else [words("  (không còn ai)", "  (nobody)")]),
        *[
            words(
                "không tin nữa khóa (trừ ROOT, DELEGATION): ", "believes no more, but as ROOT or DELEGATION, the key: "
            )
            + f"SHA-256 {one.hex()}"
            for one in record.revoked
        ],
        *([words("lý do: ", "reason: ") + record.reason] if record.reason else []),
        words("lập lúc: ", "issued: ") + moment(record.issued),
        words("hết hiệu lực: ", "expires: ") + moment(record.expires),
        words(
            f"theo danh sách số {record.epoch}, kỷ nguyên {record.era}",
            f"under roots {record.epoch}, era {record.era}",
        ),
    ]


def delegation_changes(before: Delegation, after: Delegation) -> list[str]:
    """Who comes, who goes."""
    lines = [
        words(f"SO VỚI BẢN SỐ {before.version}:", f"AGAINST VERSION {before.version}:"),
        *_holder_changes(before.holders, after.holders),
    ]
    lines += [
        words("  + thôi tin khóa ", "  + believes no more ") + f"SHA-256 {one.hex()}"
        for one in after.revoked
        if one not in before.revoked
    ]
    lines += [
        words("  ! TIN LẠI khóa ", "  ! BELIEVES AGAIN ") + f"SHA-256 {one.hex()}"
        for one in before.revoked
        if one not in after.revoked
    ]
    return lines if len(lines) > 1 else [*lines, words("  không đổi người nào", "  nobody comes or goes")]


def roots(record: Roots) -> list[str]:
    numbers = {row.role: record.persons_needed(row.role) for row in record.thresholds}
    held = {one for row in record.holders for one in row.roles}
    needed = [(one, record.persons_needed(one)) for one in Role if one in numbers or one in held]
    return [
        f"{record.province}/{record.environment} · "
        + words(f"danh sách số {record.version}", f"version {record.version}"),
        words("lập lúc: ", "issued: ") + moment(record.issued),
        words("hết hạn: ", "expires: ") + moment(record.expires),
        words("dấu vân tay khóa gốc: ", "root fingerprint: ") + grouped(root_fingerprint(record)),
        words("số người phải ký:", "persons that must sign:"),
        *[f"  {role(one)}: {number}" for one, number in needed],
        words("người và máy giữ khóa:", "holders of keys:"),
        *[f"  {line}" for one in record.holders for line in holder(one, record)],
        *_rest(record),
    ]


def roots_changes(before: Roots, after: Roots) -> list[str]:
    """What a new version changes in the one that is held."""
    lines = [
        words(f"SO VỚI DANH SÁCH SỐ {before.version}:", f"AGAINST VERSION {before.version}:"),
        *_holder_changes(before.holders, after.holders),
    ]
    for one in Role:
        old, new = before.persons_needed(one), after.persons_needed(one)
        if old != new:
            lines.append(f"  {role(one)}: {old} → {new} " + words("người ký", "persons"))
    old_rest, new_rest = _rest(before), _rest(after)
    lines += [f"  - {line}" for line in old_rest if line not in new_rest]
    lines += [f"  + {line}" for line in new_rest if line not in old_rest]
    if after.era(Role.DELEGATION) != before.era(Role.DELEGATION):
        lines.append(
            words(
                "  ! KỶ NGUYÊN DELEGATION MỚI: mọi danh sách đơn vị hết hiệu lực, cả việc thu hồi khóa. Xem các khóa "
                "đã thu hồi ở trang “Người được tin cậy” và bỏ chúng khỏi holders.",
                "  ! A NEW ERA OF DELEGATION: every list of a unit counts no more, nor what it took away. The page of "
                "trusted people names the keys that were taken away: leave them out of holders.",
            )
        )
    if root_fingerprint(before) != root_fingerprint(after):
        lines.append(
            words(
                "  ! KHÓA GỐC THAY ĐỔI: dấu vân tay mới ",
                "  ! THE ROOT KEYS CHANGE: new fingerprint ",
            )
            + grouped(root_fingerprint(after))
        )
    return lines if len(lines) > 1 else [*lines, words("  chỉ đổi ngày", "  the dates alone")]


def holder(one: Holder, trust: Roots | None = None) -> list[str]:
    """A key: whose, what for, where, when, and how it signs."""
    lines = [f"{one.key.hex()}  {one.person}: {', '.join(held.name for held in one.roles)} @ {', '.join(one.scope)}"]
    notes = []
    if one.not_before or one.not_after < FOREVER:
        start = moment(one.not_before) if one.not_before else "…"
        end = moment(one.not_after) if one.not_after < FOREVER else "…"
        notes.append(f"{start} – {end}")
    if one.party:
        known = trust is not None and one.party <= len(trust.parties)
        at = trust.parties[one.party - 1].id if trust is not None and known else f"#{one.party}"
        notes.append(words(f"passkey của {at}", f"passkey of {at}"))
    notes.append(words("mã khóa ", "key code ") + code(one.key))
    return [*lines, f"    {' · '.join(notes)}"]


def role(one: Role) -> str:
    """Its name, and what it allows."""
    meanings = {
        Role.ROOT: words("sửa danh sách này", "changes this list"),
        Role.EMERGENCY: words("ra lệnh khẩn cấp", "raises an emergency"),
        Role.CANCEL: words("hủy lệnh, dừng, cho phát lại", "cancels, stops, reinstates"),
        Role.COMMUNE: words("cảnh báo của xã", "a commune's own warning"),
        Role.CONTENT: words("duyệt nội dung", "approves content"),
        Role.SCHEDULE: words("máy chủ lập lịch", "the server that schedules"),
        Role.TIMESTAMP: words("máy chủ báo giờ", "the server that tells the time"),
        Role.FIRMWARE: words("phần mềm của hộp", "software of the boxes"),
        Role.DELEGATION: words("thay người của các đơn vị", "changes the people of units"),
        Role.EXCEPTION: words("cho phát trong giờ yên tĩnh", "allows sound in quiet hours"),
        Role.STOP: words("dừng và khóa loa", "stops and locks speakers"),
    }
    return f"{one.name} ({meanings[one]})"


def _sound(sound: Sound) -> list[str]:
    chime = _chime(sound.chime)
    return [
        words("nội dung: ", "message: ") + _message(sound.message),
        words(
            f"số lần: {sound.repeats}, cách {sound.gap_s} giây, {chime}, âm lượng {sound.gain_cb / 10:+.1f} dB",
            f"repeats: {sound.repeats}, every {sound.gap_s} s, {chime}, volume {sound.gain_cb / 10:+.1f} dB",
        ),
    ]


def _chime(chime: int) -> str:
    names: dict[int, str] = {
        Chime.NONE: words("không có âm báo", "no chime"),
        Chime.ATTENTION: words("chuông chú ý", "attention chime"),
        Chime.WAIL: words("còi hú", "siren: wail"),
        Chime.YELP: words("còi gấp", "siren: yelp"),
        Chime.TWO_TONE: words("còi hai giọng", "siren: two-tone"),
    }
    return names.get(chime, names[Chime.ATTENTION])


def _message(message: int | bytes) -> str:
    if isinstance(message, bytes):
        return f"SHA-256 {message.hex()}"
    if message == OWN_WORDS:
        return words("tự soạn; hộp đọc đúng chữ trên bảng", "its own words; the box speaks what is on boards")
    known = BY_CODE.get(message)
    if known is None:
        return f"#{message}"
    return known.text_vi if language() == "vi" else f"{known.title_en} ({known.text_vi})"


def _holder_changes(before: Iterable[Holder], after: Iterable[Holder]) -> list[str]:
    old, new = {one.key: one for one in before}, {one.key: one for one in after}
    lines = [f"  + {line}" for key, one in new.items() if key not in old for line in holder(one)]
    lines += [f"  - {line}" for key, one in old.items() if key not in new for line in holder(one)]
    for key, one in new.items():
        if key in old and old[key] != one:
            lines += [*[f"  < {line}" for line in holder(old[key])], *[f"  > {line}" for line in holder(one)]]
    return lines


def _rest(record: Roots) -> list[str]:
    """Everything but holders, thresholds and dates, one line each."""
    lines = [words("kỷ nguyên ", "era of ") + f"{role(row.role)}: {row.number}" for row in record.eras]
    lines += [line for row in record.policies for line in _policy(row)]
    lines += [f"passkey: {row.id} ← {', '.join(row.origins)}" for row in record.parties]
    lines += [
        words("được giao lại: ", "may be delegated: ")
        + f"{role(row.role)} @ {', '.join(row.scope)}, "
        + words(f"nhiều nhất {row.days} ngày", f"for {row.days} days at most")
        for row in record.bounds
    ]
    if record.events:
        lines.append(words("xã được tự cảnh báo: ", "a commune may warn of: ") + ", ".join(record.events))
    return lines


def _policy(row: Policy) -> list[str]:
    levels = {
        Level.PROVINCE: words("quy định của tỉnh", "policy of the province"),
        Level.COMMUNE: words("quy định của xã", "policy of the commune"),
        Level.BOX: words("quy định của hộp", "policy of the box"),
    }
    name = levels[row.level]
    lines = [f"{name}: " + words("yên tĩnh ", "quiet ") + _hours(one) for one in row.quiet]
    if row.days != EVERY_DAY:
        lines.append(f"{name}: " + words("chỉ phát ", "sounds only on ") + _weekdays(row.days))
    if row.max_sessions is not None:
        lines.append(
            f"{name}: " + words(f"nhiều nhất {row.max_sessions} buổi/ngày", f"{row.max_sessions} sessions a day")
        )
    if row.max_session_s is not None:
        minutes = f"{row.max_session_s / 60:g}"
        lines.append(f"{name}: " + words(f"mỗi buổi tối đa {minutes} phút", f"{minutes} minutes a session at most"))
    lines += [
        f"{name}: " + words("âm lượng ", "volume ") + f"{one.gain_cb / 10:+.1f} dB {_hours(one.hours)}"
        for one in row.volume
    ]
    return lines or [f"{name}: " + words("không hạn chế gì", "limits nothing")]


def _hours(hours: Hours) -> str:
    return f"{_clock(hours.start)}–{_clock(hours.end)}" + (
        "" if hours.days == EVERY_DAY else f" ({_weekdays(hours.days)})"
    )


def _clock(at_s: int) -> str:
    return f"{at_s // 3600:02}:{at_s % 3600 // 60:02}" + (f":{at_s % 60:02}" if at_s % 60 else "")


def _weekdays(mask: int) -> str:
    return ", ".join(name for bit, name in enumerate(DAYS[language()]) if mask >> bit & 1)
