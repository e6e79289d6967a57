"""The answer in words, for officers and technicians: what sounds or does not, why, until when, and what is next."""

from datetime import datetime, timedelta
from typing import Final

from protocol.manifest import Hours, Kind, Manifest
from protocol.messages import BY_CODE, OWN_WORDS
from protocol.priority import OWN_LEVEL
from protocol.quantities import DAY_MS, MINUTE_MS
from protocol.recurrence import EPOCH
from protocol.timeline.model import HORIZON_MS, HeldOrder, Holdings, Lock, Refusal, RefusalCode, Segment, SegmentKind
from protocol.timeline.planner import Timeline, at, plan, timeline_of
from protocol.timeline.words import LANGUAGES, Language

SHOWN: Final = 5
"""Refusals are listed up to so many."""
LATE_SHOWN_MS: Final = 2_000
"""A shorter delay is not worth a word."""


def explain(holdings: Holdings, now_ms: int, language: Language = "vi") -> str:
    """Some lines of plain text: what sounds at this instant or why nothing does, what is next, what was refused.

    Instants are told in the manifest's zone. `ProtocolError` for a manifest that cannot be planned.
    """
    return "\n".join(_Teller(holdings, now_ms, language).lines())


def refusal_sentence(refusal: Refusal, manifest: Manifest, language: Language = "vi") -> str:
    """One refusal of `refusals_within` in words, with the way out."""
    return _Teller(Holdings(manifest, None), refusal.at_ms, language).refusal(refusal)


class _Teller:
    def __init__(self, holdings: Holdings, now_ms: int, language: Language) -> None:
        self.holdings = holdings
        self.timeline: Timeline = timeline_of(holdings)
        self.now_ms = now_ms
        self.words = LANGUAGES[language]
        self.titles = {row.id: row.title for row in holdings.manifest.bulletins} if holdings.manifest else {}
        self.entries = {row.id: row for row in holdings.manifest.entries} if holdings.manifest else {}
        self.stations = {row.code: row.name for row in holdings.manifest.stations} if holdings.manifest else {}

    def lines(self) -> list[str]:
        sounding = at(self.holdings, self.now_ms)
        rest = self.say("silent", why=self._why_silent()) if sounding is None else self._sounds(sounding)
        head = self.say("now", time=self._clock(self.now_ms), weekday=self._weekday(), date=self._date(self.now_ms))
        return [
            self.say("colon", head=head, rest=rest),
            *([] if sounding is None else self._why_sounds(sounding)),
            self._next(),
            *self._refusals("refused.was", self._midnight(), self.now_ms + 1),
            *self._refusals("refused.will", self.now_ms + 1, self.now_ms + DAY_MS),
        ]

    def refusal(self, row: Refusal) -> str:
        return self.say(
            "refused.line",
            title=self._title_of(row),
            cause=row.cause,
            planned=self.time(row.planned_ms),
            why=self._why_refused(row),
        )

    def say(self, key: str, **places: object) -> str:
        return self.words[key].format(**places)

    def time(self, instant_ms: int) -> str:
        """The time of day, with its date where that is not today."""
        if self._wall(instant_ms).date() == self._wall(self.now_ms).date():
            return self._clock(instant_ms)
        return self.say("on", time=self._clock(instant_ms), date=self._date(instant_ms))

    def _sounds(self, row: Segment) -> str:
        places = {
            "title": self._title(row),
            "cause": row.cause,
            "start": self.time(row.start_ms),
            "end": self.time(row.end_ms),
        }
        if row.kind is SegmentKind.EMERGENCY:
            held = self._held(row)
            sound = held.order.sound
            assert sound is not None
            key = "sounds.drill" if row.drill else "sounds.emergency"
            return self.say(key, number=(int(_pass_of(row)) - 1) % sound.repeats + 1, repeats=sound.repeats, **places)
        klass = self.words.get(f"class.{row.precedence.rank.value}", "")
        return self.say(f"sounds.{row.kind.name.lower()}", klass=klass, **places)

    def _why_sounds(self, row: Segment) -> list[str]:
        ends = [] if row.cut is None else [self.say(f"cut.{row.cut.value}")]
        if row.kind is SegmentKind.EMERGENCY:
            held = self._held(row)
            named = {0: "level.0", OWN_LEVEL: "level.own"}.get(held.level, "level.n")
            level = self.say(named, level=held.level)
            expires = self.time(held.order.expires * 1000)
            return [self.say("why.order", cause=row.cause[:8], level=level, expires=expires), *ends]
        if row.kind is SegmentKind.VOICE:
            return [self.say("why.voice", cause=row.cause, planned=self.time(row.planned_ms)), *ends]
        delay = row.start_ms - row.planned_ms - row.offset_ms
        planned = self.time(row.planned_ms)
        if row.kind is SegmentKind.PROGRAMME and row.offset_ms:
            return [self.say("why.resumed", planned=planned), *ends]
        if delay >= LATE_SHOWN_MS:
            return [self.say("why.schedule.late", planned=planned, delay=self._duration(delay)), *ends]
        return [self.say("why.schedule", planned=planned), *ends]

    def _why_silent(self) -> str:
        if self.now_ms < self.holdings.awake_ms:
            return self.say("silent.asleep", until=self.time(self.holdings.awake_ms))
        if any(start <= self.now_ms < end for start, end in self.timeline.emergencies.holds):
            return self.say("silent.gap")
        for lock in self.holdings.locks:
            if lock.from_ms <= self.now_ms and (lock.until_ms is None or self.now_ms < lock.until_ms):
                return self._stopped(lock)
        if self.holdings.manifest is None:
            return self.say("silent.nothing")
        if self.now_ms >= self.timeline.programme.valid_until_ms:
            return self.say("silent.validity", start=self.time(self.timeline.programme.valid_until_ms))
        return self._quiet() or self.say("silent.free")

    def _stopped(self, lock: Lock) -> str:
        start, why = self.time(lock.from_ms), self.words.get(f"lock.{lock.why}", lock.why)
        if lock.until_ms is None:
            return self.say("silent.stopped.open", start=start, why=why)
        return self.say("silent.stopped", start=start, why=why, until=self.time(lock.until_ms))

    def _quiet(self) -> str | None:
        why = self.timeline.policy.why_quiet(self.now_ms)
        if why is None:
            return None
        level, hours = why
        if hours is None:
            return self.say("silent.day", level=self.words[f"policy.{level.value}"])
        until = next(
            end for start, end in self.timeline.policy.quiet(self.now_ms, self.now_ms + 1) if start <= self.now_ms
        )
        return self.say(
            "silent.quiet", hours=_hours(hours), level=self.words[f"policy.{level.value}"], until=self.time(until)
        )

    def _next(self) -> str:
        row = self._following()
        if row is None:
            return self.say("next.none")
        places: dict[str, object] = {"title": self._title(row), "cause": row.cause}
        if row.kind is SegmentKind.EMERGENCY:
            places["number"] = _pass_of(row)
        return self.say("next", what=self.say(f"next.{row.kind.name.lower()}", **places), start=self.time(row.start_ms))

    def _following(self) -> Segment | None:
        """The next segment to begin, within 45 days."""
        found = sorted((row for row in self.timeline.above if row.start_ms > self.now_ms), key=lambda row: row.start_ms)
        for part in self.timeline.parts(self.now_ms, self.now_ms + HORIZON_MS):
            later = [row for row in part.plan.segments if row.start_ms > self.now_ms]
            found += later[:1]
            if found and min(row.start_ms for row in found) < part.end_ms:
                break
        return min(found, key=lambda row: row.start_ms, default=None)

    def _refusals(self, head: str, from_ms: int, to_ms: int) -> list[str]:
        rows = plan(self.holdings, from_ms, to_ms).refusals
        if not rows:
            return []
        more = [self.say("refused.more", number=len(rows) - SHOWN)] if len(rows) > SHOWN else []
        return [self.words[head], *(f"- {self.refusal(row)}" for row in rows[:SHOWN]), *more]

    def _why_refused(self, row: Refusal) -> str:
        if row.code is not RefusalCode.LATE:
            return self.words[f"refused.{row.code.value}"]
        if row.at_ms <= self.holdings.awake_ms:
            return self.words["refused.late.asleep"]
        if any(start <= row.at_ms <= end for start, end in self.timeline.emergencies.holds):
            return self.words["refused.late.emergency"]
        if any(
            lock.from_ms <= row.at_ms and (lock.until_ms is None or row.at_ms <= lock.until_ms)
            for lock in self.holdings.locks
        ):
            return self.words["refused.late.stopped"]
        return self.words["refused.late"]

    def _title(self, row: Segment) -> str:
        if row.kind is SegmentKind.RELAY:
            return self.stations.get(row.station or "", row.station or "")
        if row.kind is SegmentKind.EMERGENCY:
            message = BY_CODE.get(row.sound) if isinstance(row.sound, int) else None
            if message is None:
                return self.words["own words" if row.sound == OWN_WORDS else "blob"]
            return message.title_vi if self.words is LANGUAGES["vi"] else message.title_en
        if row.kind is SegmentKind.VOICE:
            return self.words[f"voice.{row.precedence.rank.value}"]
        return self.titles.get(row.bulletin, row.bulletin)

    def _title_of(self, row: Refusal) -> str:
        entry = self.entries.get(row.cause)
        if entry is None:
            return row.play
        if entry.kind is Kind.RELAY:
            return self.stations.get(entry.station or "", entry.station or "")
        place = row.play.rpartition("#")[2].partition(".")[2]
        name = entry.playlist[int(place) - 1 if place else 0]
        return self.titles.get(name, name)

    def _held(self, row: Segment) -> HeldOrder:
        return next(held for held in self.holdings.orders if held.order.id.hex() == row.cause)

    def _duration(self, length_ms: int) -> str:
        if length_ms < MINUTE_MS:
            return self.say("seconds", number=length_ms // 1000)
        return self.say("minutes", number=round(length_ms / MINUTE_MS))

    def _wall(self, instant_ms: int) -> datetime:
        return (EPOCH + timedelta(milliseconds=instant_ms)).astimezone(self.timeline.schedule.zone)

    def _midnight(self) -> int:
        wall = self._wall(self.now_ms)
        return self.now_ms - ((wall.hour * 60 + wall.minute) * 60 + wall.second) * 1000

    def _clock(self, instant_ms: int) -> str:
        wall = self._wall(instant_ms)
        return f"{wall:%H:%M}" if wall.second == 0 else f"{wall:%H:%M:%S}"

    def _date(self, instant_ms: int) -> str:
        return f"{self._wall(instant_ms):%d/%m/%Y}"

    def _weekday(self) -> str:
        return self.words["weekdays"].split("|")[self._wall(self.now_ms).weekday()]


def _pass_of(row: Segment) -> str:
    return row.play.rpartition("#")[2]


def _hours(hours: Hours) -> str:
    start, end = (f"{second // 3600:02}:{second // 60 % 60:02}" for second in (hours.start, hours.end))
    return f"{start}–{end}"
