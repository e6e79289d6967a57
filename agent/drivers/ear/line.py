"""An analogue input that the kernel knows (MCP3008, ADS1115, chips of industrial boards): a file holds its value."""

from pathlib import Path

from agent.ports.ear import EarError


class IioLine:
    """A file such as /sys/bus/iio/devices/iio:device0/in_voltage0_raw (Documentation/ABI/testing/sysfs-bus-iio)."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def level(self) -> float:
        try:
            return float(self._path.read_text(encoding="ascii"))
        except (OSError, ValueError) as error:
            raise EarError(
                f"{self._path}: no measurement ({error}); is the chip connected and its driver loaded?",
                vi=f"{self._path}: không đo được ({error}); đã nối mạch đo và nạp trình điều khiển chưa?",
            ) from error
