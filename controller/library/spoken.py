"""How a written bulletin is read aloud: abbreviations, numbers, dates and hours as people say them.

A speech engine spells "UBND" and trips over "07/5/2026". These rules run before it, and the officer sees their result
as "the text that will be read" and approves that. Only Vietnamese is touched; a table of rules, applied in order, each
of them a pure substitution. Foreign words, names and dialects are the business of a fuller front end later.
"""

import re
import unicodedata
from collections.abc import Callable
from typing import Final

ABBREVIATIONS: Final[dict[str, str]] = {
    "UBND": "ủy ban nhân dân",
    "HĐND": "hội đồng nhân dân",
    "UBMTTQ": "ủy ban mặt trận tổ quốc",
    "MTTQ": "mặt trận tổ quốc",
    "BCH": "ban chấp hành",
    "BCĐ": "ban chỉ đạo",
    "BQL": "ban quản lý",
    "BTV": "ban thường vụ",
    "TW": "trung ương",
    "TƯ": "trung ương",
    "TP.HCM": "thành phố Hồ Chí Minh",
    "TPHCM": "thành phố Hồ Chí Minh",
    "BR-VT": "Bà Rịa Vũng Tàu",
    "BRVT": "Bà Rịa Vũng Tàu",
    "TP": "thành phố",
    "TX": "thị xã",
    "TT": "thị trấn",
    "KP": "khu phố",
    "QĐ": "quyết định",
    "NQ": "nghị quyết",
    "NĐ": "nghị định",
    "CP": "chính phủ",
    "TTg": "thủ tướng",
    "CT": "chỉ thị",
    "TB": "thông báo",
    "KH": "kế hoạch",
    "CV": "công văn",
    "BC": "báo cáo",
    "TTLT": "thông tư liên tịch",
    "VBHN": "văn bản hợp nhất",
    "THCS": "trung học cơ sở",
    "THPT": "trung học phổ thông",
    "TH": "tiểu học",
    "GDĐT": "giáo dục và đào tạo",
    "BHYT": "bảo hiểm y tế",
    "BHXH": "bảo hiểm xã hội",
    "BHTN": "bảo hiểm thất nghiệp",
    "CCCD": "căn cước công dân",
    "CMND": "chứng minh nhân dân",
    "VNeID": "vi en ai đi",
    "PCCC": "phòng cháy chữa cháy",
    "CNCH": "cứu nạn cứu hộ",
    "PCTT": "phòng chống thiên tai",
    "TKCN": "tìm kiếm cứu nạn",
    "ATGT": "an toàn giao thông",
    "ATTP": "an toàn thực phẩm",
    "ANTT": "an ninh trật tự",
    "VSMT": "vệ sinh môi trường",
    "NTM": "nông thôn mới",
    "HTX": "hợp tác xã",
    "DN": "doanh nghiệp",
    "TNHH": "trách nhiệm hữu hạn",
    "KCN": "khu công nghiệp",
    "NVQS": "nghĩa vụ quân sự",
    "CNTT": "công nghệ thông tin",
    "TTHC": "thủ tục hành chính",
    "SXH": "sốt xuất huyết",
    "GĐVH": "gia đình văn hóa",
    "NCT": "người cao tuổi",
    "CCB": "cựu chiến binh",
    "LHPN": "liên hiệp phụ nữ",
    "TNCS": "thanh niên cộng sản",
    "ĐVTN": "đoàn viên thanh niên",
    "KT-XH": "kinh tế xã hội",
    "ĐT": "điện thoại",
    "SĐT": "số điện thoại",
}
"""Administrative abbreviations, and how an announcer says them."""

MEASURES: Final[dict[str, str]] = {
    "km/h": "ki lô mét trên giờ",
    "m/s": "mét trên giây",
    "mg/l": "mi li gam trên lít",
    "kwh": "ki lô oát giờ",
    "km²": "ki lô mét vuông",
    "km2": "ki lô mét vuông",
    "m²": "mét vuông",
    "m2": "mét vuông",
    "m³": "mét khối",
    "m3": "mét khối",
    "km": "ki lô mét",
    "cm": "xăng ti mét",
    "mm": "mi li mét",
    "kg": "ki lô gam",
    "mg": "mi li gam",
    "ml": "mi li lít",
    "ha": "héc ta",
    "°c": "độ xê",
    "vnđ": "đồng",
    "vnd": "đồng",
    "m": "mét",
    "g": "gam",
    "đ": "đồng",
    "tr": "triệu",
}
"""Units of measure behind a number, lower case."""

_DOTTED: Final = frozenset({"TP", "TX", "TT", "KP"})
"""Written with a full stop that ends no sentence: TP. Bà Rịa."""

_GROUPED: Final = re.compile(r"(?<![\d.,])\d{1,3}(?:\.\d{3})+(?![\d.]\d)")

_WORD: Final = r"[^\W\d_]"


def text_to_read(text: str, language: str = "vi") -> str:
    """The text as it will be read aloud. A language other than Vietnamese only has its spaces and paragraphs tidied."""
    tidy = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n")
    if language.split("-", maxsplit=1)[0].lower() == "vi":
        for pattern, say in _RULES:
            tidy = pattern.sub(say, tidy)
    lines = (re.sub(r"[ \t\u00a0]+", " ", line).strip() for line in tidy.split("\n"))
    return re.sub(r"\n{2,}", "\n\n", "\n".join(line[:1].upper() + line[1:] for line in lines)).strip()


def for_engine(text: str) -> str:
    """The text as the speech engine gets it: what helps the eye and would trip the voice is gone (1.250.000)."""
    return _GROUPED.sub(lambda match: match[0].replace(".", ""), text)


def paragraphs(text: str) -> tuple[str, ...]:
    """What is spoken in one breath each; a longer pause stands between them."""
    return tuple(part for part in (line.strip() for line in text.split("\n")) if any(map(str.isalnum, part)))


def _plain(number: str) -> str:
    """ "07" as "7": a leading zero is not said."""
    return str(int(number))


def _valid_date(day: str, month: str) -> bool:
    return 1 <= int(day) <= 31 and 1 <= int(month) <= 12


def _date(match: re.Match[str]) -> str:
    lead, day, month, year = match["lead"] or "ngày ", match["day"], match["month"], match["year"]
    if not _valid_date(day, month):
        return match[0]
    return f"{lead}{_plain(day)} tháng {_plain(month)} năm {_plain(year)}"


def _day_month(match: re.Match[str]) -> str:
    if not _valid_date(match["day"], match["month"]):
        return match[0]
    return f"{match['lead']}{_plain(match['day'])} tháng {_plain(match['month'])}"


def _month_year(match: re.Match[str]) -> str:
    if not 1 <= int(match["month"]) <= 12:
        return match[0]
    return f"tháng {_plain(match['month'])} năm {match['year']}"


def _hour(match: re.Match[str]) -> str:
    hour, minute, second = int(match["hour"]), int(match["minute"] or 0), int(match["second"] or 0)
    if hour > 24 or minute > 59 or second > 59:
        return match[0]
    said = f"{hour} giờ"
    if minute or second:
        said += f" {minute} phút"
    return said + (f" {second} giây" if second else "")


def _digits(match: re.Match[str]) -> str:
    return " ".join(re.sub(r"\D", "", match[0]))


def _grouped(match: re.Match[str]) -> str:
    return f"{int(match[0]):,}".replace(",", ".")


def _measure(match: re.Match[str]) -> str:
    return f"{match['number']} {MEASURES[match['unit'].lower()]}"


def _abbreviation(match: re.Match[str]) -> str:
    full = match["dot"] is not None and match["short"] not in _DOTTED
    return ABBREVIATIONS[match["short"]] + ("." if full else " " if match["dot"] else "")


def _longest_first(words: dict[str, str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_RULES: Final[tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...]] = (
    # 07/5/2026, 7-5-2026, 7.5.2026; "ngày" is said once.
    (
        re.compile(r"(?P<lead>\b[Nn]gày\s+)?(?<![\d/.-])(?P<day>\d{1,2})([/.-])(?P<month>\d{1,2})\3(?P<year>\d{4})\b"),
        _date,
    ),
    # ngày 20/11, sáng 20/11: only behind a word that makes it a day, since 3/4 may be a fraction.
    (
        re.compile(
            r"(?P<lead>\b(?:[Nn]gày|[Ss]áng|[Tt]rưa|[Cc]hiều|[Tt]ối|[Đđ]êm|[Tt]ừ|[Đđ]ến|[Hh]ết)\s+)"
            r"(?P<day>\d{1,2})/(?P<month>\d{1,2})\b(?!/)"
        ),
        _day_month,
    ),
    (re.compile(r"\b[Tt]háng\s+(?P<month>\d{1,2})/(?P<year>\d{4})\b"), _month_year),
    # 6h, 6h30, 6g30, 06:30, 06:30:15
    (
        re.compile(
            r"(?<![\d:])(?P<hour>\d{1,2})(?:[hH]|[gG:](?=\d{2}))(?P<minute>\d{2})?(?::(?P<second>\d{2}))?"
            r"(?:[pP]h?)?(?![\d:]|" + _WORD + ")"
        ),
        _hour,
    ),
    # 7 giờ – 9 giờ, 20-25 người
    (re.compile(r"(?<=\d|ờ)\s*[–—]\s*(?=\d)|(?<=\bgiờ)\s*-\s*(?=\d)"), " đến "),
    (re.compile(r"(?<![\d/-])(\d{1,4})-(\d{1,4})(?=\s*(?:%|" + _WORD + r"{2,}|tuổi))(?![\d/-])"), r"\1 đến \2"),
    # 0254 3852 123, 0905.123.456, 1800-1234: figure by figure
    (re.compile(r"(?<![\d.,])(?:0\d{2,3}[ .-]?\d{3,4}[ .-]?\d{3,4}|1[89]00[ .-]?\d{4})(?![\d.,]?\d)"), _digits),
    (re.compile(r"(?<=\d),(?=\d)"), " phẩy "),
    (re.compile(r"(?P<number>\d)\s?(?P<unit>" + _longest_first(MEASURES) + r")(?!\w|²|³|/)", re.IGNORECASE), _measure),
    # 1250000 đồng is shown as 1.250.000 đồng
    (re.compile(r"(?<![\d.,])[1-9]\d{3,14}(?=\s+đồng\b)"), _grouped),
    (re.compile(r"(?<=\d)\s*%"), " phần trăm"),
    # KP1, KP.1, KP. 1
    (re.compile(r"(?<!\w)KP\.?\s*(?=\d)"), "khu phố "),
    # 49/2024/NĐ-CP, 12/QĐ-UBND: the year is named, the other strokes are silent.
    (re.compile(r"(?<=\d)/(?=\d{4}/[A-ZĐ]{2})"), " năm "),
    (re.compile(r"(?<=\d)/(?=[A-ZĐ]{2})"), " "),
    (
        re.compile(r"(?<![\w])(?P<short>" + _longest_first(ABBREVIATIONS) + r")(?![^\W_])(?P<dot>\.(?=\s?[A-ZÀ-Ỹ]))?"),
        _abbreviation,
    ),
    # NĐ-CP: the hyphen between two expansions is a space.
    (re.compile(r"(?<=[^\W\d_])-(?=[^\W\d_])"), " "),
    (re.compile(r"\s*&\s*"), " và "),
)
