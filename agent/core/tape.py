"""What one pass of an emergency sounds: chime or siren, the announcement of a drill, message. Pure.

A *piece* is the name of a signal that is generated ("chime", "wail", …), of a recording that is in every box ("90",
"7"), that of `OWN_WORDS`, which are spoken, or the SHA-256 of a blob.
"""

from collections.abc import Callable, Mapping
from typing import Final

from protocol.messages import BY_CODE, DRILL, OWN_WORDS, PREPARED
from protocol.order import Chime, Order, Status

ANNOUNCEMENT: Final = str(DRILL)
CHIME: Final = "chime"
SIGNALS: Final[Mapping[int, tuple[str, int]]] = {
    Chime.ATTENTION: (CHIME, 3_000),
    Chime.WAIL: ("wail", 8_000),
    Chime.YELP: ("yelp", 5_120),
    Chime.TWO_TONE: ("two-tone", 6_000),
}
"""The piece of each chime (a `ToneKind` by its name) and its length in milliseconds: whole turns of the siren, and
longer than an amplifier takes to settle."""
SIGNALS_MS: Final = dict(SIGNALS.values())

BREATH_MS: Final = 500
SYLLABLE_MS: Final = 360
DIGIT_MS: Final = 350

Piece = str | bytes


def signal(chime: int) -> str | None:
    """The piece of an order's `Sound.chime`; None for none. A number that means nothing is the attention chime."""
    if chime == Chime.NONE:
        return None
    return SIGNALS.get(chime, SIGNALS[Chime.ATTENTION])[0]


def signal_ms(chime: int) -> int:
    """Length of what goes before the message; 0 for none."""
    piece = signal(chime)
    return 0 if piece is None else SIGNALS_MS[piece]


def before(*, chime: int, drill: bool) -> tuple[str, ...]:
    """What goes before the message."""
    piece = signal(chime)
    return (() if piece is None else (piece,)) + ((ANNOUNCEMENT,) if drill else ())


def of_order(order: Order) -> tuple[Piece, ...]:
    """One pass of this order; empty for a cancel, which has no sound."""
    if order.sound is None:
        return ()
    message = order.sound.message
    head = before(chime=order.sound.chime, drill=order.status is Status.EXERCISE)
    return (*head, str(message) if isinstance(message, int) else message)


def length_ms(tape: tuple[Piece, ...], built_in: Mapping[str, int], other_ms: Callable[[Piece], int]) -> int:
    """Length of a tape in milliseconds; `other_ms` is asked for blobs and for messages that are not built in."""
    known = {**built_in, **SIGNALS_MS}
    return sum(known[piece] if isinstance(piece, str) and piece in known else other_ms(piece) for piece in tape)


def instead(message: int | bytes, event: str) -> str | None:
    """The built-in recording that says the same as a message that cannot be read; None when no other one does.

    A blob's text is not known here, only the order's event: the prepared message of that event is right, one of
    another event would be a wrong alarm. What an officer has written nobody else has said.
    """
    if message == OWN_WORDS:
        return None
    others = (other.code for other in PREPARED if other.event == event)
    return next((str(code) for code in others if code not in (message, DRILL)), None)


def words(message: int | bytes, board: str) -> str:
    """What the box may say by itself, where that is the message or the message cannot be read: what its signers have
    signed. Empty: nothing.
    """
    if isinstance(message, int) and message in BY_CODE:
        return BY_CODE[message].text_vi
    return board.strip()


def spoken_ms(text: str) -> int:
    """How long espeak-ng takes for a Vietnamese text at most, nearly: at 140 words a minute a syllable takes 310 to 360
    ms, and every digit is a word."""
    digits = sum(letter.isdigit() for letter in text)
    return BREATH_MS + SYLLABLE_MS * len(text.split()) + DIGIT_MS * digits


def without_its_sound_ms(order: Order, built_in: Mapping[str, int]) -> int:
    """About how long sounds what takes the place of this order's own blob."""
    assert order.sound is not None
    prepared = instead(order.sound.message, order.event)
    spoken = words(order.sound.message, order.board)
    return built_in.get(prepared or "", 0) + (spoken_ms(spoken) if spoken else 0)
