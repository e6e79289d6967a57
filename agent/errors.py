"""What can go wrong in the daemon, and whose fault it is.

AgentError                  stands at the edges; the message says what to do
├── ConfigError             box.toml: names the key and the way out
├── SoundError              (ports.sound) the device or a file
├── PinsError               (ports.pins) a line of the panel or the relay
├── EarError                (ports.ear) the microphone or the measuring line
├── BoardError              (ports.board) the sign does not take what it is given
├── StoreError              the disk or the database; `fault` says what to report
└── LinkError               the network or the controller; `permanent` says whether to try again
    ├── UntrustedError      a certificate was refused, theirs or ours: only the lifeline is left
    ├── NotTakenError       (ports.live) the controller will not carry this voice; `code` says why
    └── NoSuchBoxError      (ports.live) no box in use has these codes
"""

from collections.abc import Iterable
from typing import Self

from protocol.report import FaultCode


class Told(str):
    """A sentence in English that knows itself in Vietnamese too."""

    vi: str

    def __new__(cls, en: str, vi: str) -> Self:
        sentence = super().__new__(cls, en)
        sentence.vi = vi
        return sentence


def said(sentence: str, language: str) -> str:
    """In "vi" or "en"; in English where nobody has put it into Vietnamese."""
    return sentence.vi if language == "vi" and isinstance(sentence, Told) and sentence.vi else str(sentence)


def together(sentences: Iterable[str], limit: int = 400) -> Told:
    """Those that say anything, in one of at most `limit` characters."""
    told = [sentence for sentence in sentences if sentence]
    en, vi = ("; ".join(said(sentence, language) for sentence in told)[:limit] for language in ("en", "vi"))
    return Told(en, vi)


class AgentError(Exception):
    """Anything that the daemon reports to a person: `str()` is English, `said` speaks the reader's language."""

    def __init__(self, message: str, *, vi: str = "") -> None:
        """`vi` is the same in Vietnamese, where a technician is likely to meet it."""
        super().__init__(message)
        self.vi = vi

    @property
    def told(self) -> Told:
        """The message in both languages."""
        return Told(str(self) or repr(self), self.vi)

    def said(self, language: str) -> str:
        """The message in "vi" or "en"; in English where nobody has put it into Vietnamese."""
        return self.vi if language == "vi" and self.vi else str(self)


class ConfigError(AgentError):
    """The configuration is wrong."""


class StoreError(AgentError):
    """The disk or the database failed."""

    def __init__(self, message: str, *, vi: str = "", fault: FaultCode = FaultCode.STORE) -> None:
        super().__init__(message, vi=vi)
        self.fault = fault


class LinkError(AgentError):
    """The controller could not be reached, or refused."""

    def __init__(self, message: str, *, vi: str = "", permanent: bool = False) -> None:
        super().__init__(message, vi=vi)
        self.permanent = permanent


class UntrustedError(LinkError):
    """A certificate was refused, theirs or ours: only the lifeline is left."""
