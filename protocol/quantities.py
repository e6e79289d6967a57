"""Units of measure: a number on the wire always says what it counts."""

from typing import Annotated, Final

from msgspec import Meta

EpochS = Annotated[int, Meta(ge=0, le=0xFFFF_FFFF, description="seconds since 1970-01-01T00:00:00Z")]
EpochMs = Annotated[int, Meta(ge=0, le=0xFFFF_FFFF_FFFF, description="milliseconds since 1970-01-01T00:00:00Z")]
DurationMs = Annotated[int, Meta(ge=0, le=86_400_000 * 366, description="milliseconds")]
DurationS = Annotated[int, Meta(ge=0, le=86_400 * 366, description="seconds")]
SizeBytes = Annotated[int, Meta(ge=0, le=0xFFFF_FFFF, description="bytes")]
GainCb = Annotated[int, Meta(ge=-960, le=120, description="hundredths of a bel: -60 is -6 dB")]
SecondOfDay = Annotated[int, Meta(ge=0, le=86_400, description="seconds of local wall time since midnight")]
WeekdayMask = Annotated[int, Meta(ge=0, le=127, description="bit 0 is Monday, bit 6 is Sunday")]

EVERY_DAY: Final = 127
DAY_S: Final = 86_400
SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60_000
DAY_MS: Final = 86_400_000
