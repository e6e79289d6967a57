"""What the commands at the box say to a person, made from the daemon's codes, in Vietnamese and English. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from agent.core.lamps import NAMES, SHOWS, Lamp, Pattern
from protocol.messages import BY_CODE, OWN_WORDS, PREPARED
from protocol.recurrence import to_wall, zone_named
from protocol.timeline.words import LANGUAGES

Answer = Mapping[str, Any]
Words = Mapping[str, str]


def status(answer: Answer, language: str) -> str:
    """Line by line what the box is doing."""
    words = WORDS[language]
    values = {
        "name": answer["name"],
        "id": answer["id"],
        "code": answer["code"],
        "site": answer["site"] or words["not yet"],
        "units": " › ".join(answer["units"]) or words["not yet"],
        "approved": words["yes" if answer["approved"] else "no"],
        "connected": _connection(answer, words),
        "clock": answer["clock_complaint"] or words.get(f"clock.{answer['clock']}", answer["clock"]),
        "programme": _programme(answer, words),
        "sounding": _heard(answer, language),
        "orders": "; ".join(_order(order, answer, language) for order in answer["orders"]) or words["none"],
        "lamps": "".join(f"\n  {line}" for line in lamps(answer["lamps"], language)) or words["no lamps"],
        "log": words["log.rows"].format(**answer),
        "faults": "; ".join(_fault(code, answer, words) for code in answer["faults"]) or words["none"],
        "version": answer["version"],
    }
    return "\n".join(f"{words[f'label.{key}']}: {value}" for key, value in values.items())


def lamps(rows: Sequence[Answer], language: str) -> list[str]:
    """What each lamp of the panel shows and means, a line each."""
    found = []
    for row in rows:
        name, shows = NAMES[Lamp(row["lamp"])], SHOWS[Pattern[row["pattern"]]]
        said = (name.vi, shows.vi, row["vi"]) if language == "vi" else (name.en, shows.en, row["en"])
        found.append("{}: {}. {}".format(*said))
    return found


def glance(answer: Answer) -> list[tuple[str, str]]:
    """For the box's page, in both languages: the time, what sounds, what is wrong; name and value of each row."""
    wall = to_wall(answer["now_ms"], zone_named(answer["zone"]))
    time = f"{wall:%H:%M:%S %d/%m/%Y}"
    heard = " · ".join(_heard(answer, language) for language in WORDS)
    none = " · ".join(words["none"] for words in WORDS.values())
    told = "; ".join(_fault_in_both(code, answer) for code in answer["faults"])
    complaint = answer["clock_complaint"]
    return [
        ("Giờ · time", f"{time} ({complaint})" if complaint else time),
        ("Đang phát · sounding", heard),
        ("Lỗi · faults", told or none),
    ]


def _fault_in_both(code: str, answer: Answer) -> str:
    name, detail = " · ".join(words.get(f"fault.{code}", code) for words in WORDS.values()), answer["fault_details"]
    return f"{name} ({detail[code]})" if detail.get(code) else name


def really(answer: Answer, language: str) -> str:
    """What the box does at this moment, where that is not what its plan says; empty where it is. See `explain`."""
    words, hindrance = WORDS[language], answer["hindrance"]
    if answer["heard"] is not None:
        return "" if answer["as_planned"] else words["really.sounds"].format(heard=_heard(answer, language))
    if answer["as_planned"] and not hindrance:
        return ""
    detail = answer["fault_details"].get(_FAULT_OF.get(hindrance, ""), "")
    why = words[f"really.{hindrance or 'soon'}"]
    return words["really.silent"].format(why=f"{why} ({detail})" if detail else why)


def _fault(code: str, answer: Answer, words: Words) -> str:
    name, detail = words.get(f"fault.{code}", code), answer["fault_details"].get(code, "")
    return f"{name} ({detail})" if detail else name


def fetched(answer: Answer, language: str) -> str:
    """What looking for newer content will do."""
    words = WORDS[language]
    if answer["missing"] and answer["newest"]:
        return words["fetch.again"].format(**answer)
    if answer["missing"]:
        return words["fetch.missing" if answer["generation"] else "fetch.missing.first"].format(**answer)
    if not answer["wanted"]:
        return words["fetch.nothing"]
    if answer["newest"]:
        return words["fetch.complete"].format(**answer)
    return words["fetch.unusable" if answer["generation"] else "fetch.unusable.first"].format(**answer)


def _connection(answer: Answer, words: Words) -> str:
    if not answer["connected"]:
        return words["no"]
    return words["yes"] if answer["silent_s"] is None else words["heard ago"].format(**answer)


def _programme(answer: Answer, words: Words) -> str:
    if answer["newest"]:
        return words["programme.newest" if answer["wanted"] else "programme.none"].format(**answer)
    return words["programme.older" if answer["generation"] else "programme.first"].format(**answer)


def _heard(answer: Answer, language: str) -> str:
    words, heard = WORDS[language], answer["heard"]
    if heard is None:
        return words["silent"]
    title = heard["title"]
    if heard["kind"] == "VOICE":
        title = LANGUAGES["en" if language == "en" else "vi"][f"voice.{heard['rank']}"]
    if heard["kind"] == "EMERGENCY":
        title = _title(heard["message"], heard["event"], language)
    kind = "DRILL" if heard["drill"] else heard["kind"]
    return words[f"heard.{kind}"].format(title=title, until=_time(heard["until_ms"], answer))


def _order(order: Answer, answer: Answer, language: str) -> str:
    words = WORDS[language]
    expires = _time(order["expires_ms"], answer)
    if order["type"] == "CANCEL":
        return words["order.cancel"]
    if order["type"] == "STOP":
        return words[f"order.stop.{order['stage']}" if f"order.stop.{order['stage']}" in words else "order.stop"]
    if order["type"] == "REINSTATE":
        return words["order.reinstate"]
    title = _title(order["message"], order["event"], language)
    return words[f"order.{order['status']}"].format(
        title=title, state=words[f"stage.{order['stage']}"].format(expires=expires)
    )


def _title(message: int | None, event: str, language: str) -> str:
    """Of a built-in message; of an order with a recording or words of its own, what it is about."""
    built_in = BY_CODE.get(message) if message is not None else None
    about = built_in or next((row for row in PREPARED if row.event == event), None)
    title = event if about is None else about.title_vi if language == "vi" else about.title_en
    if built_in is not None:
        return title
    return WORDS[language]["own words" if message == OWN_WORDS else "own recording"].format(title=title)


def _time(instant_ms: int, answer: Answer) -> str:
    """The time of day on the programme's wall clock; with its date where that is not today."""
    zone = zone_named(answer["zone"])
    wall = to_wall(instant_ms, zone)
    today = wall.date() == to_wall(answer["now_ms"], zone).date()
    return f"{wall:%H:%M:%S}" if today else f"{wall:%H:%M:%S %d/%m/%Y}"


_VI: Final[Words] = {
    "label.name": "Tên",
    "label.id": "Mã hộp",
    "label.code": "Mã đối chiếu",
    "label.site": "Nơi đặt",
    "label.units": "Đơn vị",
    "label.approved": "Đã duyệt",
    "label.connected": "Kết nối",
    "label.clock": "Đồng hồ",
    "label.programme": "Lịch phát",
    "label.sounding": "Đang phát",
    "label.orders": "Lệnh khẩn cấp",
    "label.lamps": "Đèn",
    "label.log": "Nhật ký phát",
    "label.faults": "Lỗi",
    "label.version": "Phiên bản",
    "yes": "có",
    "no": "không",
    "none": "không có",
    "not yet": "chưa được giao",
    "no lamps": "không đấu đèn nào",
    "heard ago": "có (nghe thấy trung tâm {silent_s} giây trước)",
    "clock.NTP": "đúng giờ, lấy qua mạng (NTP)",
    "clock.RTC": "đúng giờ, theo đồng hồ của chính hộp (RTC)",
    "clock.GNSS": "đúng giờ, theo vệ tinh (GNSS)",
    "clock.SIGNED": "đúng giờ, theo tin đã ký",
    "programme.none": "chưa có lịch nào",
    "programme.newest": "đang dùng lịch số {wanted}, là lịch mới nhất",
    "programme.older": "đang dùng lịch số {generation}; lịch số {wanted} chưa tải xong hoặc chưa dùng được",
    "programme.first": "chưa dùng được lịch nào; lịch số {wanted} chưa tải xong hoặc chưa dùng được",
    "silent": "không phát gì",
    "really.silent": "Thực tế lúc này loa không phát gì: {why}. Theo lịch và lệnh thì:",
    "really.sounds": "Thực tế lúc này đang phát {heard}. Theo lịch và lệnh thì:",
    "really.service": "công tắc bảo trì đang khóa âm ly; xong việc hãy gạt lại",
    "really.power": "rơ le không đóng nên âm ly chưa có điện",
    "really.device": "thiết bị âm thanh không trả lời; hãy xem dây cắm và nguồn",
    "really.clock": "hộp chưa biết giờ",
    "really.soon": "đang chờ âm ly sẵn sàng, chờ tệp âm thanh, hoặc lượt này không phát được (xem nhật ký phát)",
    "heard.PROGRAMME": "bản tin “{title}”, đến {until}",
    "heard.RELAY": "tiếp sóng {title}, đến {until}",
    "heard.FILLER": "nội dung nền “{title}”, đến {until}",
    "heard.VOICE": "giọng nói trực tiếp ({title}), lâu nhất đến {until}",
    "heard.EMERGENCY": "lệnh KHẨN CẤP “{title}”, lượt này đến {until}",
    "heard.DRILL": "DIỄN TẬP “{title}”, lượt này đến {until}",
    "own recording": "{title} (bản ghi kèm theo lệnh)",
    "own words": "{title} (lời soạn trong lệnh)",
    "order.ACTUAL": "“{title}”: {state}",
    "order.EXERCISE": "diễn tập “{title}”: {state}",
    "order.TEST": "thử đường truyền “{title}”: đã nhận, không phát ra loa",
    "order.cancel": "lệnh hủy: đã thực hiện",
    "order.stop": "lệnh dừng và khóa loa: đã thực hiện",
    "order.stop.CANCELLED": "lệnh dừng và khóa loa: đã được mở lại",
    "order.stop.EXPIRED": "lệnh dừng và khóa loa: đã hết hiệu lực",
    "order.reinstate": "lệnh mở loa hoặc khôi phục: đã thực hiện",
    "stage.ACCEPTED": "đã nhận, chưa phát; hiệu lực đến {expires}",
    "stage.STARTED": "đã bắt đầu phát; hiệu lực đến {expires}",
    "stage.DONE": "đã phát xong",
    "stage.NOT_HEARD": "đã phát nhưng không nghe thấy ở loa",
    "stage.CANCELLED": "đã bị hủy hoặc thay thế",
    "stage.EXPIRED": "đã hết hiệu lực",
    "log.rows": "trung tâm đã nhận {log_acknowledged} trên {log_rows} dòng",
    "fault.AUDIO_DEVICE": "thiết bị âm thanh hỏng hoặc bị rút",
    "fault.CONTENT_DAMAGED": "tệp âm thanh bị hỏng",
    "fault.DISK_FULL": "hết chỗ lưu trữ",
    "fault.STORE": "kho dữ liệu trong hộp bị lỗi",
    "fault.CLOCK": "đồng hồ sai",
    "fault.FETCH": "không tải được nội dung",
    "fault.MANIFEST_REFUSED": "hộp từ chối lịch phát mới",
    "fault.ORDER_REFUSED": "hộp từ chối một lệnh khẩn cấp",
    "fault.CONFLICT": "hai máy chủ cùng dùng một khóa",
    "fault.TRUST": "danh sách người ký hết hạn, sắp hết hạn hoặc bị từ chối",
    "fault.ANNOUNCER": "bản ghi của phát thanh viên không dùng được, phát bản có sẵn",
    "fault.PLAYER": "bộ phận phát âm thanh bị treo, đã khởi động lại",
    "fault.NOT_HEARD": "đã phát nhưng không nghe thấy ở loa",
    "fault.BOARD": "bảng tin hỏng hoặc bị rút",
    "fault.PANEL": "bảng điều khiển có lỗi: nút, khóa bị kẹt, dây, micrô, rơ le hoặc tệp khóa không dùng được",
    "fault.SERVICE": "công tắc bảo trì đang khóa âm ly",
    "fault.TAMPER": "tủ thiết bị bị mở",
    "fault.MAINS": "mất điện lưới, đang chạy bằng ắc quy",
    "fetch.nothing": "Trung tâm chưa giao lịch nào cho hộp này.",
    "fetch.complete": "Không thiếu gì; đang dùng lịch số {generation}.",
    "fetch.again": "Đang tải lại {missing} tệp của lịch số {generation}; lịch này vẫn được dùng.",
    "fetch.missing": "Đang tải lịch số {wanted}, còn thiếu ít nhất {missing} tệp; hiện vẫn dùng lịch số {generation}.",
    "fetch.missing.first": "Đang tải lịch số {wanted}, còn thiếu ít nhất {missing} tệp; hiện chưa có lịch nào.",
    "fetch.unusable": "Lịch số {wanted} đã nhận nhưng chưa dùng được; hiện vẫn dùng lịch số {generation}. "
    "Chạy loalang-agent status để xem lỗi.",
    "fetch.unusable.first": "Lịch số {wanted} đã nhận nhưng chưa dùng được; hiện chưa có lịch nào. "
    "Chạy loalang-agent status để xem lỗi.",
}

_EN: Final[Words] = {
    "label.name": "Name",
    "label.id": "Box id",
    "label.code": "Code to compare",
    "label.site": "Site",
    "label.units": "Units",
    "label.approved": "Approved",
    "label.connected": "Connected",
    "label.clock": "Clock",
    "label.programme": "Programme",
    "label.sounding": "Sounding",
    "label.orders": "Emergency orders",
    "label.lamps": "Lamps",
    "label.log": "Play log",
    "label.faults": "Faults",
    "label.version": "Version",
    "yes": "yes",
    "no": "no",
    "none": "none",
    "not yet": "not assigned yet",
    "no lamps": "none wired",
    "heard ago": "yes (heard the centre {silent_s} s ago)",
    "clock.NTP": "right, from the network (NTP)",
    "clock.RTC": "right, from the box's own clock (RTC)",
    "clock.GNSS": "right, from satellites (GNSS)",
    "clock.SIGNED": "right, from signed messages",
    "programme.none": "none yet",
    "programme.newest": "number {wanted} is in force, the newest",
    "programme.older": "number {generation} is in force; number {wanted} is not complete or not usable yet",
    "programme.first": "none in force; number {wanted} is not complete or not usable yet",
    "silent": "nothing",
    "really.silent": "In fact nothing sounds at this moment: {why}. By schedule and orders:",
    "really.sounds": "In fact this sounds at this moment: {heard}. By schedule and orders:",
    "really.service": "the service switch keeps the amplifier off; switch it back when the work is done",
    "really.power": "the relay does not close, so the amplifier has no power",
    "really.device": "the sound device does not answer; look at its plug and power",
    "really.clock": "the box does not know the time",
    "really.soon": "the amplifier settles, a file is awaited, or this cannot sound (see the play log)",
    "heard.PROGRAMME": "the bulletin “{title}”, until {until}",
    "heard.RELAY": "relay of {title}, until {until}",
    "heard.FILLER": "the filler “{title}”, until {until}",
    "heard.VOICE": "a live voice ({title}), until {until} at the latest",
    "heard.EMERGENCY": "the EMERGENCY order “{title}”, this pass until {until}",
    "heard.DRILL": "a DRILL, “{title}”, this pass until {until}",
    "own recording": "{title} (the order's own recording)",
    "own words": "{title} (the words of the order)",
    "order.ACTUAL": "“{title}”: {state}",
    "order.EXERCISE": "drill “{title}”: {state}",
    "order.TEST": "test of the line “{title}”: received, never sounds",
    "order.cancel": "a cancellation: done",
    "order.stop": "an order to stop and lock the speakers: done",
    "order.stop.CANCELLED": "an order to stop and lock the speakers: opened again",
    "order.stop.EXPIRED": "an order to stop and lock the speakers: its time is over",
    "order.reinstate": "an order to open or reinstate: done",
    "stage.ACCEPTED": "received, not sounded yet; valid until {expires}",
    "stage.STARTED": "has begun to sound; valid until {expires}",
    "stage.DONE": "sounded to its end",
    "stage.NOT_HEARD": "it played and was not heard at the speakers",
    "stage.CANCELLED": "cancelled or replaced",
    "stage.EXPIRED": "expired",
    "log.rows": "the centre has {log_acknowledged} of {log_rows} rows",
    "fault.AUDIO_DEVICE": "the sound device failed or was unplugged",
    "fault.CONTENT_DAMAGED": "a sound file is damaged",
    "fault.DISK_FULL": "the disk is full",
    "fault.STORE": "the box's store failed",
    "fault.CLOCK": "the clock is wrong",
    "fault.FETCH": "content cannot be fetched",
    "fault.MANIFEST_REFUSED": "the newest programme was refused",
    "fault.ORDER_REFUSED": "an emergency order was refused",
    "fault.CONFLICT": "two controllers speak with one key",
    "fault.TRUST": "the list of signers has ended, soon will, or was refused",
    "fault.ANNOUNCER": "a recording of the announcer cannot be used; the built-in one sounds",
    "fault.PLAYER": "the player process failed and was started again",
    "fault.NOT_HEARD": "it played, and was not heard at the speakers",
    "fault.BOARD": "the board failed or was unplugged",
    "fault.PANEL": "something is wrong with the panel: stuck, or a line, microphone, relay or key file that fails",
    "fault.SERVICE": "the service switch keeps the amplifier off",
    "fault.TAMPER": "the cabinet is open",
    "fault.MAINS": "no mains; the box runs on its battery",
    "fetch.nothing": "The centre has not assigned a programme to this box yet.",
    "fetch.complete": "Nothing is missing; programme {generation} is in force.",
    "fetch.again": "Fetching {missing} files of programme {generation} again; it stays in force.",
    "fetch.missing": "Fetching programme {wanted}, at least {missing} files are missing; {generation} is in force.",
    "fetch.missing.first": "Fetching programme {wanted}, at least {missing} files are missing; none is in force yet.",
    "fetch.unusable": "Programme {wanted} has come but is not usable yet; {generation} is in force. "
    "Run loalang-agent status to see the faults.",
    "fetch.unusable.first": "Programme {wanted} has come but is not usable yet; none is in force. "
    "Run loalang-agent status to see the faults.",
}

WORDS: Final[Mapping[str, Words]] = {"vi": _VI, "en": _EN}


_FAULT_OF: Final = {"power": "PANEL", "device": "AUDIO_DEVICE"}
"""Whose detail says more of a hindrance."""

_WAYS: Final = {
    "vi": {
        "connecting": "Đang nối tới các hộp khác…",
        "on": "{listening} / {meant} hộp khác đang nghe",
        "lost": "{why}; đang nối lại",
        "refused": "Chỉ loa của hộp này phát: {why}",
        "over": "Các hộp khác không nghe nữa; chỉ loa của hộp này phát",
    },
    "en": {
        "connecting": "Connecting to other boxes…",
        "on": "{listening} of {meant} other boxes listen",
        "lost": "{why}; trying again",
        "refused": "This box alone sounds it: {why}",
        "over": "Other boxes listen no more; this box alone sounds it",
    },
}


def reach(said: Mapping[str, Any], language: str) -> str:
    """How far a voice at the box's microphone goes now, from the panel's answer."""
    return _WAYS[language][said["way"]].format(**said)
