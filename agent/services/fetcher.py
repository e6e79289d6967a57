"""Makes the box hold what its newest assignment names: asks `core.reconcile` what to do, does it, asks again."""

from collections import Counter
from collections.abc import Callable

import structlog

from agent.core.backoff import Backoff
from agent.core.reconcile import NOTHING, Adopt, FetchBlob, FetchManifest, Have, Purge, Step, Want, Withdraw, steps
from agent.core.trusted import trust_at
from agent.errors import LinkError, StoreError
from agent.ports.clock import Clock
from agent.ports.link import Office
from agent.ports.store import Store
from agent.services.faults import Faults
from agent.services.keeper import Keeper
from agent.services.wake import Wakes
from protocol.adoption import MAX_MANIFEST_BYTES, open_programme
from protocol.codec import decode
from protocol.errors import ProtocolError
from protocol.ids import sha256
from protocol.manifest import Assignment, Manifest
from protocol.quantities import SECOND_MS
from protocol.report import FaultCode
from protocol.signing import Domain, Family, open1
from protocol.trust import Trust

log = structlog.get_logger()

ATTEMPTS_BEFORE_FAULT = 3


class Fetcher:
    """One download at a time; what arrived stays, whatever happens."""

    def __init__(
        self,
        office: Office,
        clock: Clock,
        store: Store,
        *,
        keeper: Keeper,
        faults: Faults,
        wakes: Wakes,
        draw: Callable[[], float],
    ) -> None:
        self._office = office
        self._shelf = store.shelf
        self._desired = store.desired
        self._trust = store.trust
        self._book = store.book
        self._clock = clock
        self._keeper = keeper
        self._faults = faults
        self._wake = wakes.fetcher
        self._reporter = wakes.reporter
        self._draw = draw
        self._refused: tuple[Assignment, Trust] | None = None
        """What named a manifest that is unusable, and who was trusted then: another of either may help."""
        self._manifest: tuple[Assignment, Trust, Manifest] | None = None
        self._failures: Counter[bytes] = Counter()
        """By hash, of what could not be fetched lately: it stands behind everything that failed less often."""

    async def run(self) -> None:
        backoff = Backoff()
        while True:
            try:
                if await self.step():
                    backoff = backoff.reset()
                    continue
                backoff = backoff.reset()
                await self._wake.wait()
            except LinkError as error:
                backoff = backoff.failed()
                log.warning("download failed; it goes on where it stopped", reason=str(error), attempt=backoff.attempts)
                if backoff.attempts >= ATTEMPTS_BEFORE_FAULT:
                    self._faults.raised(FaultCode.FETCH, str(error))
                await self._wake.wait(backoff.wait_ms(self._draw()))
            except StoreError as error:
                backoff = backoff.failed()
                self._faults.raised(error.fault, str(error))
                await self._wake.wait(backoff.wait_ms(self._draw()))

    def missing(self) -> int:
        """How many files are known to be missing; 0 also where the newest programme was refused. Raises StoreError."""
        return sum(isinstance(step, FetchManifest | FetchBlob) for step in steps(self._have(), self._want()))

    async def step(self) -> bool:
        """Do the next thing that is missing; False when there is none. Raises LinkError, StoreError."""
        todo = steps(self._have(), self._want())
        if not todo:
            self._faults.cleared(FaultCode.FETCH)
            self._failures.clear()
            self._shelf.sweep()
            return False
        await self._do(min(todo, key=self._failed))
        return True

    def _failed(self, step: Step) -> int:
        return self._failures[step.hash] if isinstance(step, FetchManifest | FetchBlob) else 0

    def damaged(self, name: bytes) -> None:
        """A sound could not be read as what it should be: away with it, it is fetched again (fault 8)."""
        self._faults.raised(FaultCode.CONTENT_DAMAGED, name.hex())
        try:
            self._shelf.forget(name)
        except StoreError as error:
            self._faults.raised(error.fault, str(error))
        self._wake.set()

    async def _do(self, step: Step) -> None:
        match step:
            case FetchManifest(name, size):
                await self._fetch("manifest", name, size)
            case FetchBlob(name, size):
                await self._fetch("blob", name, size)
                self._look_at_what_was_damaged()
            case Withdraw(manifest):
                self._desired.withdraw(manifest)
                log.info("withdrawn before the new programme is here", entries_left=len(manifest.entries))
                self._keeper.adopted()
            case Adopt(assignment, manifest):
                self._desired.adopt(assignment, manifest, self._clock.now_ms())
                log.info("in force", generation=assignment.generation, entries=len(manifest.entries))
                self._faults.cleared(FaultCode.MANIFEST_REFUSED)
                self._look_at_what_was_damaged()
                self._keeper.adopted()
                self._reporter.set()
            case Purge(names):
                for name in names:
                    self._shelf.forget(name)
                log.info("removed what no programme names", blobs=len(names))

    async def _fetch(self, kind: str, name: bytes, size: int) -> None:
        self._failures[name] += 1
        intake = self._shelf.take_in(name, size)
        try:
            if intake.received < size:
                await self._office.fetch(kind, name, intake)
        except BaseException:
            intake.close()
            raise
        if not self._shelf.admit(intake):
            raise LinkError(f"{kind} {name.hex()[:12]}: what arrived is not what its name says; it is fetched anew")
        del self._failures[name]
        self._faults.cleared(FaultCode.DISK_FULL)
        log.info("fetched", kind=kind, name=name.hex()[:12], size=size)

    def _look_at_what_was_damaged(self) -> None:
        """Whether the programme in force is whole again."""
        if FaultCode.CONTENT_DAMAGED not in self._faults.active():
            return
        if not any(isinstance(step, FetchBlob) for step in steps(self._have(), None)):
            self._faults.cleared(FaultCode.CONTENT_DAMAGED)

    def _have(self) -> Have:
        force = self._desired.in_force()
        return Have(
            order=NOTHING if force is None else force.assignment.place_in_order,
            manifest=None if force is None else force.manifest,
            manifest_hash=None if force is None else force.assignment.manifest,
            blobs=self._shelf.sizes(),
            keep=self._keep(),
            policy=None if force is None else force.assignment.policy,
        )

    def _keep(self) -> frozenset[bytes]:
        """The programme before, so that going back costs no download; and sounds of orders that may still sound."""
        keep: set[bytes] = set()
        previous = self._desired.previous_manifest()
        if previous is not None:
            keep.add(previous)
            keep.update(self._named_by(previous))
        for held in self._book.orders(self._clock.now_ms()):
            if held.order.sound is not None and isinstance(held.order.sound.message, bytes):
                keep.add(held.order.sound.message)
        return frozenset(keep)

    def _want(self) -> Want | None:
        wanted, trust = self._desired.wanted(), self._trusted()
        if wanted is None or trust is None or self._refused == (wanted, trust):
            return None
        try:
            return Want(wanted, self._verified(wanted, trust))
        except ProtocolError as error:
            log.warning("manifest refused; the programme in force stays", reason=str(error), code=error.code)
            self._refused = (wanted, trust)
            self._faults.raised(FaultCode.MANIFEST_REFUSED, str(error))
            return None

    def _trusted(self) -> Trust | None:
        roots, wanted = self._trust.roots(), self._desired.wanted()
        units = () if wanted is None else wanted.units
        return None if roots is None else trust_at(roots, self._trust.delegations(), units)

    def _verified(self, wanted: Assignment, trust: Trust) -> Manifest | None:
        """Its manifest; None when it is not here. Raises `ProtocolError` for one that nobody may sound."""
        if self._manifest is not None and self._manifest[:2] == (wanted, trust):
            return self._manifest[2]
        raw = self._read(wanted.manifest)
        if raw is None:
            return None
        manifest = open_programme(raw, trust, wanted, self._clock.now_ms() // SECOND_MS)
        self._manifest = (wanted, trust, manifest)
        return manifest

    def _named_by(self, name: bytes) -> frozenset[bytes]:
        """Blobs of a manifest that was in force once; it was verified then."""
        raw = self._read(name)
        try:
            roots = self._trust.roots()
            domain = Domain("0", "x") if roots is None else roots.domain  # its signature was verified before
            payload = open1(raw, Family.MANIFEST, domain, max_bytes=MAX_MANIFEST_BYTES).payload if raw else b""
            return frozenset(blob.hash for blob in decode(payload, Manifest, max_bytes=MAX_MANIFEST_BYTES).blobs)
        except ProtocolError:
            return frozenset()

    def _read(self, name: bytes) -> bytes | None:
        """A manifest's bytes, which are what their name says; a damaged file is dropped."""
        path = self._shelf.path(name)
        try:
            raw = None if path is None else path.read_bytes()
        except OSError:
            raw = b""
        if raw is not None and sha256(raw) != name:
            self._shelf.forget(name)
            return None
        return raw
