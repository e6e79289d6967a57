"""What contacts, codes and time mean: the pure machine, asked with instants."""

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config import CONTACTS, OUTPUT_LINES
from agent.core import panel
from agent.core.lamps import Lamp, Pattern, View, patterns
from agent.core.panel import Act, Broken, Code, Contact, Edge, Entered, Event, Heard, Note, Panel, Talk
from protocol.quantities import DAY_MS
from protocol.report import FaultCode

ALL: dict[str, bool] = {contact: contact is Contact.MAINS for contact in Contact}
SECOND = 1_000
MINUTE = 60_000


def told(*rows: tuple[int, Event | None], start: Panel | None = None) -> tuple[Panel, list[Act]]:
    """Begin at 0 with everything let go, and let these events happen at these instants."""
    state = panel.begin(ALL, 1, 0)[0] if start is None else start
    acts: list[Act] = []
    for at_ms, event in rows:
        state, more = panel.step(state, event, at_ms)
        acts += more
    return state, acts


def pressed(contact: str, at_ms: int) -> tuple[int, Event]:
    return at_ms, Edge(contact, True)


def let_go(contact: str, at_ms: int) -> tuple[int, Event]:
    return at_ms, Edge(contact, False)


def kinds(acts: Iterable[Act]) -> list[str]:
    return [type(act).__name__ for act in acts]


def test_box_toml_has_a_key_for_each_contact_and_lamp() -> None:
    assert tuple(Contact) == CONTACTS
    assert {*Lamp, "amplifier"} == set(OUTPUT_LINES)


BOUNCES = st.lists(st.integers(1, panel.DEBOUNCE_MS - 1), min_size=1, max_size=40)


@given(st.sampled_from([*Contact]), BOUNCES)
def test_no_bounce_under_the_debounce_time_is_a_press(contact: Contact, lengths: list[int]) -> None:
    state, first = panel.begin(ALL, 1, 0)
    at_ms, on, rest = 1_000, ALL[contact], ALL[contact]
    rows: list[tuple[int, Event | None]] = []
    for length_ms in lengths:
        on = not on
        rows.append((at_ms, Edge(contact, on)))
        at_ms += length_ms
    if on is not rest:
        rows.append((at_ms, Edge(contact, rest)))
    after, acts = told(*rows, (at_ms + panel.DEBOUNCE_MS, None), start=state)
    assert acts == []
    assert after.is_on(contact) is rest
    assert first


@given(BOUNCES, st.integers(panel.DEBOUNCE_MS, 20_000))
def test_a_press_that_bounces_at_its_beginning_and_end_is_one_press(lengths: list[int], held_ms: int) -> None:
    lengths = lengths[: len(lengths) // 2 * 2]
    at_ms, on = 1_000, True
    rows: list[tuple[int, Event | None]] = [(at_ms, Edge(Contact.STOP, True))]
    for length_ms in lengths:
        at_ms, on = at_ms + length_ms, not on
        rows.append((at_ms, Edge(Contact.STOP, on)))
    at_ms += held_ms
    _, acts = told(*rows, let_go(Contact.STOP, at_ms), (at_ms + 100, None))
    assert kinds(acts) == ["Stop"]


@given(
    st.lists(
        st.tuples(
            st.integers(0, 40_000),
            st.one_of(
                st.builds(Edge, st.sampled_from([*Contact]), st.booleans()),
                st.builds(Entered, st.sampled_from(Code)),
                st.builds(Talk, st.booleans(), st.booleans()),
                st.just(Heard()),
            ),
        ),
        max_size=60,
    )
)
def test_whatever_happens_nothing_is_raised_while_locked_and_nobody_speaks_longer_than_120_s(
    rows: list[tuple[int, Event]],
) -> None:
    state, at_ms, open_since = panel.begin(ALL, 1, 0)[0], 0, None
    for pause_ms, event in [*rows, (DAY_MS, Heard())]:
        at_ms += pause_ms
        before = state
        state, acts = panel.step(state, event, at_ms)
        names = kinds(acts)
        ever_unlocked = before.unlocked_ms is not None or any(
            level.raw for name, level in before.levels.items() if name == Contact.KEY
        )
        if "Raise" in names or "Open" in names:
            assert ever_unlocked
        if state.speech is not None:
            open_since = state.speech.since_ms
            assert at_ms - open_since < panel.TALK_MS
        due = panel.next_ms(state)
        assert due is None or due > at_ms


def test_the_hold_counts_from_when_both_button_and_key_are_there() -> None:
    rows = [pressed(Contact.EMERGENCY, 0), pressed(Contact.KEY, 10_000)]
    assert "Raise" not in kinds(told(*rows, (12_999, None))[1])
    assert "Raise" in kinds(told(*rows, (13_100, None))[1])


def test_a_loop_that_stood_still_takes_no_short_press_for_a_long_one() -> None:
    rows = [pressed(Contact.KEY, 0), pressed(Contact.EMERGENCY, 1_000), let_go(Contact.EMERGENCY, 3_900)]
    assert "Raise" not in kinds(told(*rows, (60_000, None))[1])


def test_fault_48_a_button_held_for_a_day_raises_once_and_is_noticed_until_it_is_loose() -> None:
    state, acts = told(
        pressed(Contact.KEY, 0),
        pressed(Contact.EMERGENCY, 1_000),
        (10_000, None),
        let_go(Contact.KEY, 20_000),
        (DAY_MS, None),
        pressed(Contact.KEY, DAY_MS + 1),
        (DAY_MS + MINUTE, None),
    )
    assert kinds(acts).count("Raise") == 1
    assert state.stuck == {Contact.EMERGENCY}
    _, acts = told(let_go(Contact.EMERGENCY, DAY_MS + 2 * MINUTE), (DAY_MS + 2 * MINUTE + 50, None), start=state)
    assert acts == [Note(FaultCode.PANEL, False, "")]


def test_a_key_that_is_forgotten_is_noticed() -> None:
    _, acts = told(pressed(Contact.KEY, 0), (panel.KEY_LEFT_MS + 100, None))
    assert acts == [Note(FaultCode.PANEL, True, "the emergency key is still turned")]


# The microphone


def test_fault_34_the_microphone_closes_when_it_is_let_go_after_120_s_and_after_20_s_without_speech() -> None:
    press = pressed(Contact.MICROPHONE, 0)
    assert kinds(told(press, let_go(Contact.MICROPHONE, 5_000), (5_100, None))[1]) == ["Speak", "Hush"]
    _, silent = told(press, (20_100, None))
    assert silent[-1] == panel.Hush("20 s without speech")
    speech = [(at_ms, Heard()) for at_ms in range(100, 200_000, 10_000)]
    _, long = told(press, *speech)
    assert kinds(long).count("Hush") == 1
    assert panel.Hush("120 s are over") in long


def test_what_was_closed_stays_closed_until_the_button_is_pressed_anew() -> None:
    state, acts = told(pressed(Contact.MICROPHONE, 0), (200_000, None))
    assert kinds(acts).count("Speak") == 1
    assert FaultCode.PANEL in [act.code for act in acts if isinstance(act, Note)]
    rows = [let_go(Contact.MICROPHONE, 201_000), pressed(Contact.MICROPHONE, 202_000), (203_000, None)]
    assert "Speak" in kinds(told(*rows, start=state)[1])


def test_the_microphone_outranks_an_alarm_only_while_the_key_is_turned() -> None:
    _, acts = told(
        pressed(Contact.KEY, 0),
        pressed(Contact.MICROPHONE, 1_000),
        (2_000, Heard()),
        let_go(Contact.KEY, 3_000),
        (4_000, None),
    )
    assert [act.keyed for act in acts if isinstance(act, panel.Speak)] == [True, False]


def test_a_terminal_that_says_no_more_closes_the_microphone_and_cannot_open_what_was_closed() -> None:
    state, acts = told((0, Talk(True)), (1_000, Talk(True, True)), (4_100, None))
    assert kinds(acts) == ["Speak", "Hush"]
    assert told((4_200, Talk(True, True)), start=state)[1] == []


def test_a_microphone_that_breaks_is_closed() -> None:
    assert kinds(told((0, Talk(True)), (500, Broken("unplugged")))[1]) == ["Speak", "Hush"]


# Codes


def test_a_code_unlocks_for_two_minutes() -> None:
    hold = [pressed(Contact.EMERGENCY, 110_000), (114_000, None)]
    assert "Raise" in kinds(told((0, Entered(Code.RIGHT)), *hold)[1])
    late = [pressed(Contact.EMERGENCY, 118_000), (140_000, None)]
    assert "Raise" not in kinds(told((0, Entered(Code.RIGHT)), *late)[1])


def test_a_duress_code_looks_the_same_and_sounds_nothing() -> None:
    hold = [pressed(Contact.KEY, 1_000), pressed(Contact.EMERGENCY, 2_000)]
    right, real = told((0, Entered(Code.RIGHT)), *hold)
    duress, forced = told((0, Entered(Code.DURESS)), *hold)
    view = View(faults=False)
    for at_ms in range(2_000, 119_000, 50):
        right, more = panel.step(right, None, at_ms)
        real += more
        duress, more = panel.step(duress, None, at_ms)
        forced += more
        assert patterns(right, view, at_ms) == patterns(duress, view, at_ms)
    assert "Raise" in kinds(real)
    assert [act for act in forced if not isinstance(act, Note)] == []
    assert Note(FaultCode.DURESS, True, "the duress code was entered") in forced


def test_under_duress_the_microphone_only_looks_open_and_no_lock_opens() -> None:
    state, acts = told(
        pressed(Contact.KEY, 0),
        (1_000, Entered(Code.DURESS)),
        (1_100, panel.Locked(True)),
        pressed(Contact.STOP, 2_000),
        pressed(Contact.MICROPHONE, 10_000),
        (11_000, None),
    )
    assert "Open" not in kinds(acts)
    assert "Speak" not in kinds(acts)
    assert patterns(state, View(faults=False), 11_000)[Lamp.ON_AIR] is not Pattern.OFF
    late, more = told((100_000, Entered(Code.RIGHT)), (105_000, None), start=state)
    assert "Speak" not in kinds(more)
    assert patterns(late, View(faults=False), 105_000)[Lamp.ON_AIR] is not Pattern.OFF
    again, more = told(let_go(Contact.MICROPHONE, 106_000), pressed(Contact.MICROPHONE, 107_000), start=late)
    assert "Speak" in kinds(told((108_000, None), start=again)[1])


def test_a_microphone_that_is_open_when_the_duress_code_comes_is_hushed_and_its_lamp_stays_lit() -> None:
    state, acts = told(pressed(Contact.KEY, 0), pressed(Contact.MICROPHONE, 1_000), (2_000, Entered(Code.DURESS)))
    assert kinds(acts)[-2:] == ["Note", "Hush"]
    assert patterns(state, View(faults=False), 2_000)[Lamp.ON_AIR] is not Pattern.OFF
    assert "Speak" not in kinds(told(let_go(Contact.KEY, 3_000), (10_000, None), start=state)[1])
    assert told(let_go(Contact.MICROPHONE, 3_000), (4_000, None), start=state)[0].speech is None


@pytest.mark.parametrize(
    ("wired", "key", "code", "keyed"),
    [
        (True, False, True, False),
        (True, True, False, True),
        (True, True, True, True),
        (False, False, True, True),
        (False, False, False, False),
    ],
)
def test_a_code_gives_the_microphone_the_keys_rank_only_where_no_key_is_wired(
    wired: bool, key: bool, code: bool, keyed: bool
) -> None:
    contacts = {name: on for name, on in ALL.items() if wired or name != Contact.KEY}
    rows: list[tuple[int, Event | None]] = [(0, Entered(Code.RIGHT))] if code else []
    rows += [pressed(Contact.KEY, 0)] if key else []
    rows += [pressed(Contact.MICROPHONE, 1_000), (2_000, None)]
    _, acts = told(*rows, start=panel.begin(contacts, 1, 0)[0])
    assert [act.keyed for act in acts if isinstance(act, panel.Speak)] == [keyed]


def test_a_stop_in_the_same_turn_as_the_alarm_that_opened_the_lock_locks_again() -> None:
    rows = [pressed(Contact.KEY, 0), (100, panel.Locked(True)), pressed(Contact.EMERGENCY, 1_000)]
    _, acts = told(*rows, pressed(Contact.STOP, 6_000), (6_100, None))
    assert [kind for kind in kinds(acts) if kind in ("Raise", "Stop")] == ["Raise", "Stop"]


def test_under_duress_the_key_raises_nothing_either_for_ten_minutes_or_until_the_right_code_comes() -> None:
    forced = told((0, Entered(Code.DURESS)), pressed(Contact.KEY, 1_000))[0]
    for at_ms, raises in ((5 * MINUTE, False), (10 * MINUTE + 1, True)):
        hold = [pressed(Contact.EMERGENCY, at_ms), (at_ms + 4_000, None)]
        assert ("Raise" in kinds(told(*hold, start=forced)[1])) is raises
    freed = [(MINUTE, Entered(Code.RIGHT)), pressed(Contact.EMERGENCY, MINUTE + 1), (MINUTE + 4_000, None)]
    assert "Raise" in kinds(told(*freed, start=forced)[1])


def test_the_right_code_ends_duress_after_ten_minutes_and_a_day_does_without_it() -> None:
    over = Note(FaultCode.DURESS, False, "the right code was entered")
    forced = told((0, Entered(Code.DURESS)))[0]
    early, acts = told((10 * MINUTE - 1, Entered(Code.RIGHT)), start=forced)
    assert over not in acts, "whoever forces somebody may force the other code too"
    assert over in told((10 * MINUTE, Entered(Code.RIGHT)), start=early)[1]
    assert over not in told((10 * MINUTE, Entered(Code.WRONG)), start=early)[1]
    assert told((10 * MINUTE, Entered(Code.RIGHT)))[1] == []
    assert Note(FaultCode.DURESS, False, "a day has passed") in told((24 * 60 * MINUTE, None), start=forced)[1]


def test_after_five_wrong_codes_none_is_taken_for_ten_minutes_but_duress_is_reported() -> None:
    wrong: list[tuple[int, Event]] = [(at_ms * SECOND, Entered(Code.WRONG)) for at_ms in range(5)]
    assert told(*wrong, (6 * SECOND, Entered(Code.RIGHT)))[0].code is None
    assert told(*wrong[:4], (6 * SECOND, Entered(Code.RIGHT)))[0].code is Code.RIGHT
    assert told(*wrong, (11 * MINUTE, Entered(Code.RIGHT)))[0].code is Code.RIGHT
    assert told(*wrong, (6 * SECOND, Entered(Code.DURESS)))[1] == [
        Note(FaultCode.DURESS, True, "the duress code was entered")
    ]


@pytest.mark.parametrize(("code", "key", "commune"), [(True, True, True), (True, False, False), (False, True, False)])
def test_only_key_and_code_together_speak_for_the_commune(code: bool, key: bool, commune: bool) -> None:
    rows: list[tuple[int, Event | None]] = [(0, Entered(Code.RIGHT))] if code else []
    rows += [pressed(Contact.KEY, 0)] if key else []
    _, acts = told(*rows, pressed(Contact.EMERGENCY, 1_000), (5_000, None))
    assert [act.commune for act in acts if isinstance(act, panel.Raise)] == [commune]


# Supply, cabinet, service


def test_cabinet_mains_and_battery_are_faults() -> None:
    _, acts = told(
        pressed(Contact.TAMPER, 0),
        let_go(Contact.MAINS, 1_000),
        pressed(Contact.BATTERY, 2_000),
        (3_000, None),
        pressed(Contact.MAINS, 4_000),
        let_go(Contact.BATTERY, 5_000),
        let_go(Contact.TAMPER, 6_000),
        (7_000, None),
    )
    assert acts == [
        Note(FaultCode.TAMPER, True, "the cabinet is open"),
        Note(FaultCode.MAINS, True, "no mains"),
        Note(FaultCode.MAINS, True, "no mains, the battery is low"),
        Note(FaultCode.MAINS, True, "the battery is low"),
        Note(FaultCode.MAINS, False, ""),
        Note(FaultCode.TAMPER, False, ""),
    ]


def test_the_service_switch_is_shown_and_reminded_of_each_hour() -> None:
    state, acts = told(pressed(Contact.SERVICE, 0), (125 * MINUTE, None))
    assert [act.minutes for act in acts if isinstance(act, panel.Remind)] == [60, 120]
    early = told(pressed(Contact.SERVICE, 0), (MINUTE, None))[0]
    assert patterns(early, View(faults=False), MINUTE)[Lamp.FAULT] is Pattern.SLOW
    assert patterns(state, View(faults=False), 125 * MINUTE)[Lamp.FAULT] is Pattern.FAST
    assert kinds(told((126 * MINUTE, Talk(True)), start=state)[1]) == []


def test_no_lamp_flashes_more_than_three_times_a_second() -> None:
    for pattern in Pattern:
        lit = [pattern.is_lit(at_ms) for at_ms in range(0, 10_000, 5)]
        rises = [at for at in range(1, len(lit)) if lit[at] and not lit[at - 1]]
        assert all(later - earlier >= 1_000 // 5 / 3 for earlier, later in itertools.pairwise(rises))
