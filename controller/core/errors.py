"""Errors of the controller.

Refused                     a person asked for something that cannot be; shown beside the field, with the way out
└── NotAllowed              this person may not do it; somebody else may
ConfigError                 the installation is set up wrongly; whoever installs it reads this on the console
"""


class Refused(Exception):  # noqa: N818 - an answer to a person, not a fault of the program
    """A request that cannot be done as asked; nothing of it was done.

    `field` names the form field or CLI option, empty for the whole request. `message` says what is wrong and `way_out`
    what to do instead, both in the language of the person who asked.
    """

    def __init__(self, field: str, message: str, way_out: str = "") -> None:
        super().__init__(field, message, way_out)
        self.field = field
        self.message = message
        self.way_out = way_out

    def __str__(self) -> str:
        return f"{self.message} {self.way_out}".strip()


class NotAllowed(Refused):
    """The person has no role that allows it; `way_out` says who has."""


class ConfigError(Exception):
    """An environment variable that is missing or wrong. The message names it and says what to put there."""
