"""The sounds that every box is shipped with are there, as long as the index says, as loud as bulletins, and usable."""

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile

from agent.core import tape
from agent.drivers.audio.source import frames
from agent.drivers.audio.tones import NOTE_S, WAIL_S, YELP_S, Tone
from agent.errors import AgentError
from agent.ports.sound import ToneKind
from agent.services.recordings import SHIPPED, Recordings
from protocol.messages import BY_CODE, OWN_WORDS, PREPARED
from protocol.order import Chime, MessageType, Order, Severity, Sound, Status, usual_chime
from protocol.roles import Role

RECORDINGS = Recordings()
NAMES = [str(message.code) for message in PREPARED]


def an_order(sound: Sound | None, status: Status = Status.ACTUAL) -> Order:
    return Order(
        id=bytes(16),
        province="77",
        environment="test",
        role=Role.EMERGENCY,
        epoch=1,
        sequence=1,
        issued=1_795_000_000,
        not_before=1_795_000_000,
        expires=1_795_003_600,
        status=status,
        type=MessageType.ALERT,
        severity=Severity.SEVERE,
        event="flood",
        area=("77",),
        sound=sound,
    )


def test_every_prepared_message_has_a_recording_and_nothing_else_has() -> None:
    assert sorted(RECORDINGS.lengths_ms) == sorted(NAMES)
    assert sorted(path.stem for path in SHIPPED.glob("*.ogg")) == sorted(NAMES)
    assert all(message.code in RECORDINGS for message in PREPARED)
    assert 4711 not in RECORDINGS


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_is_as_long_as_the_index_says(name: str) -> None:
    info = soundfile.info(RECORDINGS.path(name))
    assert (info.format, info.subtype, info.samplerate, info.channels) == ("OGG", "OPUS", 48_000, 1)
    assert 0 <= RECORDINGS.lengths_ms[name] - info.frames / 48 < 1


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_is_neither_silent_nor_clipped(name: str) -> None:
    samples, _ = soundfile.read(RECORDINGS.path(name))
    assert np.sqrt(np.mean(samples**2)) > 0.05
    assert np.abs(samples).max() < 1.0


def test_the_recordings_of_two_messages_are_not_the_same() -> None:
    assert len({RECORDINGS.path(name).read_bytes() for name in NAMES}) == len(NAMES)


def test_a_pass_is_chime_announcement_message() -> None:
    assert tape.of_order(an_order(Sound(7))) == ("chime", "7")
    assert tape.of_order(an_order(Sound(7, chime=0))) == ("7",)
    assert tape.of_order(an_order(Sound(bytes(32)), Status.EXERCISE)) == ("chime", "90", bytes(32))
    assert tape.of_order(an_order(None)) == ()


@pytest.mark.parametrize(
    ("chime", "piece"), [(1, "chime"), (2, "wail"), (3, "yelp"), (4, "two-tone"), (5, "chime"), (9, "chime")]
)
def test_an_order_chooses_what_goes_before_its_message(chime: int, piece: str) -> None:
    order = an_order(Sound(7, chime=chime), Status.EXERCISE)
    assert tape.of_order(order) == (piece, "90", "7")
    assert tape.signal_ms(chime) == tape.SIGNALS_MS[piece] >= 3_000
    assert frames(tape.signal_ms(chime)) == len(Tone(ToneKind(piece), frames(tape.signal_ms(chime))).read(1 << 30))


def test_where_nobody_has_chosen_a_siren_says_that_it_is_serious_and_a_drill_has_none() -> None:
    usual = [usual_chime(severity, Status.ACTUAL) for severity in Severity]
    assert usual == [Chime.ATTENTION, Chime.ATTENTION, Chime.TWO_TONE, Chime.WAIL]
    others = [usual_chime(severity, status) for severity in Severity for status in (Status.EXERCISE, Status.TEST)]
    assert set(others) == {Chime.ATTENTION}


def test_a_siren_ends_where_it_would_begin_again() -> None:
    assert tape.signal_ms(0) == 0
    for kind, period_ms in (("wail", WAIL_S * 1000), ("yelp", YELP_S * 1000), ("two-tone", NOTE_S * 2000)):
        assert tape.SIGNALS_MS[kind] % period_ms == 0


def test_what_is_spoken_is_what_was_signed_and_its_length_is_known_about() -> None:
    assert tape.words(bytes(32), " Nước lên nhanh. ") == "Nước lên nhanh."
    assert tape.words(1, "") == tape.words(1, "something else") == BY_CODE[1].text_vi
    assert tape.words(4711, "") == ""
    for message in PREPARED:
        assert 0 <= tape.spoken_ms(message.text_vi) - RECORDINGS.lengths_ms[str(message.code)] < 2_000
    order = msgspec.structs.replace(an_order(Sound(bytes(32))), board="Nước lên nhanh.")
    spoken_ms = tape.spoken_ms("Nước lên nhanh.")
    assert tape.without_its_sound_ms(order, RECORDINGS.lengths_ms) == RECORDINGS.lengths_ms["1"] + spoken_ms
    own = msgspec.structs.replace(order, sound=Sound(OWN_WORDS))
    assert tape.words(OWN_WORDS, own.board) == "Nước lên nhanh."
    assert tape.without_its_sound_ms(own, RECORDINGS.lengths_ms) == spoken_ms
    other = msgspec.structs.replace(order, event="other", board="")
    assert tape.without_its_sound_ms(other, RECORDINGS.lengths_ms) == 0


def test_the_length_of_a_pass_is_the_sum_of_its_pieces() -> None:
    lengths = RECORDINGS.lengths_ms
    pieces = tape.of_order(an_order(Sound(bytes(32)), Status.EXERCISE))
    assert tape.length_ms(pieces, lengths, lambda _: 1234) == 3_000 + lengths["90"] + 1234
    assert tape.length_ms(("wail", "4711"), lengths, lambda _: 5) == 8_000 + 5


def test_only_a_message_of_the_same_event_stands_in_for_a_damaged_one() -> None:
    assert tape.instead(bytes(32), "flood") == "1"
    assert tape.instead(1, "flood") is None
    assert tape.instead(OWN_WORDS, "flood") is None
    assert tape.instead(bytes(32), "something else") is None
    assert tape.instead(bytes(32), "drill") is None, "that it is a drill stands for no message"
    assert BY_CODE[1].event == "flood"


@pytest.mark.parametrize("index", [None, "[]", "no json", '{"1": null}'])
def test_an_installation_without_a_usable_index_says_so(tmp_path: Path, index: str | None) -> None:
    if index is not None:
        (tmp_path / "index.json").write_text(index)
    with pytest.raises(AgentError, match="the built-in sounds are unusable"):
        Recordings(tmp_path)


def test_a_recording_that_was_lost_is_not_offered(tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text(json.dumps({"1": 1000}))
    assert 1 not in Recordings(tmp_path)
