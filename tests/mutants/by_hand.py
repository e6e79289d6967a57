"""Changes of what mutmut leaves alone: decorated functions, which are the properties. (before, after) stands once."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class ByHand:
    """Changes of one file, and the tests that should notice them."""

    name: str
    """As mutmut would name it: "protocol.gate"."""
    changes: tuple[tuple[str, str], ...]
    tests: tuple[str, ...]

    @property
    def path(self) -> str:
        return f"{self.name.replace('.', '/')}.py"


_GATE_TESTS: Final = tuple(f"tests/protocol/test_gate{name}.py" for name in ("", "_trust", "_passkeys", "_properties"))
_PLANNER_TESTS: Final = tuple(
    f"tests/protocol/timeline/test_{name}.py"
    for name in (
        "asking",
        "changes_and_restarts",
        "emergencies",
        "explain",
        "programme",
        "quiet_hours_and_sessions",
        "relays_and_fillers",
    )
)

_GATE: Final = (
    ("return self.trust.persons_needed(self.order.role)", "return 1"),
    ("return self.trust.persons_needed(self.order.role)", "return self.trust.persons_needed(Role.EMERGENCY)"),
    ("return self.trust.persons_needed(self.order.role)", "return self.trust.persons_needed(self.order.role) + 1"),
    ("hi_ms // SECOND_MS if self", "lo_ms // SECOND_MS if self"),
    ("hi_ms // SECOND_MS if self", "hi_ms if self"),
    ("if self.clock.tells_time else self.order.issued", "if not self.clock.tells_time else self.order.issued"),
    ("if self.clock.tells_time else self.order.issued", ""),
    ("else self.order.issued", "else self.order.expires"),
    ("self.trust.signers(self.envelope, self.order.role, at)", "self.trust.signers(self.envelope, Role.EMERGENCY, at)"),
    ("return max((index", "return min((index"),
    ("if unit in self.order.area), default=None)", "if unit not in self.order.area), default=None)"),
    ("if unit in self.order.area), default=None)", "if unit in self.order.area), default=0)"),
    ("in self.speaking(self.level)}", "in self.signed_by}"),
    ("{holder.person: holder for", "{holder.scope: holder for"),
    ("for index in range(self.hit + 1) if", "for index in range(self.hit) if"),
    ("for index in range(self.hit + 1) if", "for index in range(1, self.hit + 1) if"),
    ("for index in range(self.hit + 1) if", "for index in range(self.hit, -1, -1) if"),
    (") >= self.needed)", ") > self.needed)"),
    (") >= self.needed)", ") >= 1)"),
    ("if distinct(self.speaking(index)) >= self.needed)", "if len(self.speaking(index)) >= self.needed)"),
    ("self.order.id.startswith(key_id(holder.key)))", "True)"),
    ("return min(named, key=lambda holder: holder.key, default=None)", "return next(iter(named), None)"),
    ("return min(named, key=lambda holder: holder.key, default=None)", "return next(iter(self.signed_by), None)"),
    ("return min(named, key=", "return max(named, key="),
)  # fmt: skip

_BATCHES: Final = (
    ("return self.items[self._next]", "return self.items[0]"),
    ("return self.start_ms + self._item.offset_ms", "return self.start_ms"),
    ("return self.start_ms + self._item.offset_ms", "return self.start_ms - self._item.offset_ms"),
    ('return f"{self.name}#{self._item.label}"', 'return f"{self.name}#1.1"'),
    ('return f"{self.name}#{self._item.label}"', 'return f"{self.cause}#{self._item.label}"'),
)  # fmt: skip

_EMERGENCIES: Final = (
    ("return self.held.order.expires * 1000", "return self.held.order.expires * 1001"),
    ("return self.held.order.expires * 1000", "return self.held.order.not_before * 1000"),
    ("Precedence(Rank.EMERGENCY, order.severity", "Precedence(Rank.PRIORITY, order.severity"),
    ("order.severity, -self.held.level", "0, -self.held.level"),
    ("order.severity, -self.held.level", "-order.severity, -self.held.level"),
    ("-self.held.level, -order.issued", "self.held.level, -order.issued"),
    ("-self.held.level, -order.issued", "0, -order.issued"),
    ("-order.issued * 1000, 0, order.id.hex())", "order.issued * 1000, 0, order.id.hex())"),
    ("-order.issued * 1000, 0, order.id.hex())", "-order.not_before * 1000, 0, order.id.hex())"),
    ("-order.issued * 1000, 0, order.id.hex())", '-order.issued * 1000, 0, "")'),
    ('#{self.next_pass}"', '#1"'),
    ('#{self.next_pass}"', '#{self.next_pass + 1}"'),
)  # fmt: skip

_MODEL: Final = (
    ("return self.cut is not None", "return self.cut is None"),
    ("return self.cut is not None", "return True"),
    ("return 1 + self.rounds *", "return 0 + self.rounds *"),
    ("return 1 + self.rounds *", "return 1 + 0 *"),
    ("return 1 + self.rounds *", "return 1 + 2 * self.rounds *"),
    ("self.rounds * (0 if self.order.sound is None else self.order.sound.repeats)", "self.rounds"),
    ("return self.first_pass - 1 +", "return self.first_pass +"),
    ("return self.first_pass - 1 +", "return self.first_pass - 2 +"),
    ("return self.first_pass - 1 +", "return 0 +"),
)  # fmt: skip

_OCCURRENCES: Final = (
    ("return self.items[0].offset_ms", "return 0"),
    ("return self.items[-1].offset_ms + self", "return self.items[0].offset_ms + self"),
    ("return self.items[-1].offset_ms + self", "return self.items[-1].offset_ms - self"),
    ("if self.entry.kind is Kind.FILLER:", "if self.entry.kind is Kind.RELAY:"),
    ("return Rank.FILLER", "return Rank.ORDINARY"),
    ("return Rank.PRIORITY if", "return Rank.ORDINARY if"),
    ("is BulletinClass.PRIORITY else", "is not BulletinClass.PRIORITY else"),
    ("return self.batches[-1].end_ms if", "return self.batches[0].end_ms if"),
    ("else self.entry.length_s * 1000", "else self.entry.length_s * 1001"),
    ("            - self.entry.pause_ms\n", ""),
    ("            + self.entry.gap_s * 1000\n", ""),
    ("            + self.entry.gap_s * 1000\n", "            + self.entry.gap_s * 1001\n"),
    ("slots = [line.span_ms for line in self.lines if not line.batches]", "slots: list[int] = []"),
    ("return max([*slots, *self.lengths.values()], default=0)", "return max(slots, default=0)"),
    ("for text in (line.entry.first, *line.entry.added)]", "for text in (line.entry.first,)]"),
    ("return min((to_ms(parse_local(text), self.zone)", "return max((to_ms(parse_local(text), self.zone)"),
)  # fmt: skip

_SLOTS: Final = (('return f"{self.occurrence.name}#1"', 'return f"{self.occurrence.name}#2"'),)

_POLICY: Final = (
    ("days &= policy.days", "days = policy.days"),
    ("days &= policy.days", "days |= policy.days"),
    ("return min((policy.max_sessions", "return max((policy.max_sessions"),
    ("return min(caps) * 1000", "return max(caps) * 1000"),
    ("return min(caps) * 1000", "return min(caps) * 1001"),
)

BY_HAND: Final = (
    ByHand("protocol.gate", _GATE, _GATE_TESTS),
    ByHand("protocol.policy", _POLICY, _PLANNER_TESTS),
    ByHand("protocol.timeline.batches", _BATCHES, _PLANNER_TESTS),
    ByHand("protocol.timeline.emergencies", _EMERGENCIES, _PLANNER_TESTS),
    ByHand("protocol.timeline.model", _MODEL, _PLANNER_TESTS),
    ByHand("protocol.timeline.occurrences", _OCCURRENCES, _PLANNER_TESTS),
    ByHand("protocol.timeline.slots", _SLOTS, _PLANNER_TESTS),
)
