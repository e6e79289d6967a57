"""How long a box thinks: `at` and `next_change` on 200 entries over 45 days, cold and warm."""

import statistics
import sys
import time
from datetime import UTC, datetime

from protocol.bulletin import Blob, Bulletin, BulletinClass
from protocol.manifest import Entry, Hours, Kind, Level, Manifest, Policy, Station
from protocol.timeline import Holdings, at, next_change, plan
from tests.support import bench

ENTRIES = 200
DAYS = 45
COLD_LIMIT_MS = 100.0
WARM_LIMIT_MS = 5.0
RUNS = 7
FIRST_MS = round(datetime(2026, 10, 20, tzinfo=UTC).timestamp()) * 1000


def manifest(number: int) -> Manifest:
    """Daily, weekly and dated entries of every kind; `number` makes it another one."""
    hashes = [bytes([index, number]) * 16 for index in range(100)]
    blobs = tuple(Blob(row, 50_000, 20_000 + 1_000 * index) for index, row in enumerate(hashes))
    bulletins = tuple(Bulletin(f"b{index}", f"Bản tin {index}", "vi", row) for index, row in enumerate(hashes))
    rules = ("FREQ=DAILY", "FREQ=WEEKLY;BYDAY=MO,WE,FR", "FREQ=DAILY;INTERVAL=2", "FREQ=MONTHLY;BYDAY=1SA,3SA")
    entries = []
    for index in range(ENTRIES):
        kind = Kind.RELAY if index % 20 == 0 else Kind.FILLER if index % 20 == 1 else Kind.PROGRAMME
        entries.append(
            Entry(
                f"s{index}",
                kind,
                BulletinClass.PRIORITY if index % 10 == 3 else BulletinClass.ORDINARY,
                f"2026-10-{1 + index % 28:02}T{5 + index % 16:02}:{index * 7 % 60:02}:00",
                tuple(f"b{(index + place) % 100}" for place in range(3)),
                rules[index % 4],
                repeats=1 + index % 2,
                gap_s=0 if kind is Kind.RELAY else 5,
                length_s=0 if kind is Kind.PROGRAMME else 1800,
                station="vov1" if kind is Kind.RELAY else None,
            )
        )
    policies = (
        Policy(Level.PROVINCE, quiet=(Hours(21 * 3600, 5 * 3600),)),
        Policy(Level.COMMUNE, max_session_s=45 * 60),
    )
    stations = (Station("vov1", "VOV1", "https://example.org/vov1"),)
    return Manifest("Asia/Ho_Chi_Minh", policies, tuple(entries), bulletins, blobs, stations)


def timed_ms(call: object, *arguments: object) -> float:
    assert callable(call)
    begin = time.perf_counter()
    call(*arguments)
    return (time.perf_counter() - begin) * 1000


def main() -> int:
    bench.begin("how long a box thinks about 200 entries over 45 days", 30)
    plan(Holdings(manifest(255), None), FIRST_MS, FIRST_MS + 1)  # imports and tables of the zone
    cold, warm, changes, whole = [], [], [], []
    for run in range(RUNS):
        holdings = Holdings(manifest(run), None)
        now = FIRST_MS + run * 86_400_000 + 37_000_000
        cold.append(timed_ms(at, holdings, now))
        warm += [timed_ms(at, holdings, now + step * 1000) for step in range(50)]
        changes += [timed_ms(next_change, holdings, now + step * 1000) for step in range(50)]
        whole.append(timed_ms(plan, holdings, FIRST_MS, FIRST_MS + DAYS * 86_400_000))
    figures = {
        "cold_at_ms": round(max(cold), 2),
        "cold_at_limit_ms": COLD_LIMIT_MS,
        "warm_at_ms": round(statistics.median(warm), 3),
        "warm_at_max_ms": round(max(warm), 3),
        "warm_at_limit_ms": WARM_LIMIT_MS,
        "warm_next_change_ms": round(statistics.median(changes), 3),
        "plan_45_days_ms": round(statistics.median(whole), 1),
        "entries": ENTRIES,
        "days": DAYS,
        "ok": max(cold) <= COLD_LIMIT_MS and statistics.median(warm) <= WARM_LIMIT_MS,
    }
    return bench.end(figures)


if __name__ == "__main__":
    sys.exit(main())
