"""What of the programme in force may still sound once a newer one is known, though not all of it is here yet. Pure.

A replacement needs the sounds that replace, and so it waits until they are all here. To fall silent needs nothing but
the newer manifest: a withdrawal, or a longer night's rest, must not wait for a download (decision 0006).
"""

from typing import Final

from msgspec.structs import replace

from protocol.manifest import Entry, Manifest, Policy

MAX_EXCLUDED: Final = 500
"""As many as an entry can name."""
MAX_POLICIES: Final = 8
"""As many as a manifest can name."""


def what_stays(in_force: Manifest, newer: Manifest, own: Policy | None = None) -> Manifest:
    """The programme in force without the entries, bulletins, starts and line that the newer one does not name any more.

    It obeys the newer one's policies, and `own`: the box's own policy where the newer assignment changes it. No sound
    is added, and what stays keeps its name and its sound. An entry that has lost one of its bulletins goes whole: plays
    are named by their place in the playlist. The same manifest where nothing was withdrawn.
    """
    named = {entry.id: entry for entry in newer.entries}
    left = (_left(entry, named.get(entry.id)) for entry in in_force.entries)
    entries = tuple(entry for entry in left if entry is not None)
    policies = newer.policies if own is None else (*newer.policies, own)
    if len(policies) > MAX_POLICIES:  # silence that cannot be written down is kept by all of it
        policies, entries = newer.policies, ()
    line = in_force.line if in_force.line == newer.line else None
    if (entries, policies, line) == (in_force.entries, in_force.policies, in_force.line):
        return in_force
    return replace(in_force, entries=entries, policies=policies, line=line)


def _left(entry: Entry, newer: Entry | None) -> Entry | None:
    if newer is None or (entry.first, entry.rule, entry.station) != (newer.first, newer.rule, newer.station):
        return None
    if not set(entry.playlist) <= set(newer.playlist):
        return None
    excluded = tuple(sorted({*entry.excluded, *newer.excluded}))
    added = tuple(start for start in entry.added if start in newer.added)
    until = min((end for end in (entry.until, newer.until) if end is not None), default=None)
    if (set(excluded), added, until) == (set(entry.excluded), entry.added, entry.until):
        return entry
    if len(excluded) > MAX_EXCLUDED:
        return None
    return replace(entry, excluded=excluded, added=added, until=until)
