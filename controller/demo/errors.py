"""What stops the demo: one error, whose sentence tells the newcomer what to do."""


class DemoError(Exception):
    """The demo cannot go on; the message says why and what to do."""
