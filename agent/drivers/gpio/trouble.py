"""What is said where a pin cannot be had."""

from agent.ports.pins import Line, PinsError


def trouble(line: Line, error: Exception) -> PinsError:
    """What went wrong with a line, and the way out."""
    return PinsError(
        f"GPIO {line.number} cannot be used ({error}); look at [panel] in box.toml, and at the user's group `gpio`",
        vi=f"không dùng được chân GPIO {line.number} ({error}); hãy xem mục [panel] trong box.toml, và nhóm `gpio` của "
        "người dùng chạy loalang-agent",
    )
