"""How a box comes to know its controller."""

import asyncio
from pathlib import Path

from agent.services.enrolment import Enrolment
from tests.support import virtual_time
from tests.support.box_parts import NOW_S, Parts, parts
from tests.support.small_controller import alert, roots, signed, signed_roots


def enrolment(box: Parts) -> Enrolment:
    return Enrolment(
        "Cụm loa thử",
        "0.1.0",
        office=box.office,
        trust=box.store.trust,
        take=box.inbox.take_first,
        wakes=box.wakes,
        draw=lambda: 0.5,
    )


def test_a_box_asks_until_it_is_approved_and_then_fetches_the_roots(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            box.office.approved = False
            box.office.newest_roots = signed_roots(roots(1, at_s=NOW_S))
            running = asyncio.create_task(enrolment(box).run())
            await asyncio.sleep(60)
            assert box.store.trust.broker() is None
            assert box.office.enrolments >= 15
            box.office.approved = True
            await asyncio.sleep(5)
            running.cancel()
            assert box.store.trust.broker() == box.office.broker
            assert box.store.trust.roots() == roots(1, at_s=NOW_S)

    virtual_time.run(main())


def test_a_controller_that_is_away_is_asked_ever_more_patiently_and_found_when_it_is_back(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            box.office.down = True
            box.office.newest_roots = signed_roots(roots(1, at_s=NOW_S))
            running = asyncio.create_task(enrolment(box).run())
            await asyncio.sleep(3_600)
            box.office.down = False
            await asyncio.sleep(31)
            running.cancel()
            assert box.office.enrolments == 1
            assert box.store.trust.roots() is not None

    virtual_time.run(main())


def test_an_approved_box_does_not_enrol_again_unless_its_broker_is_lost(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            box.store.trust.keep_broker("mqtt://old.test:1883")
            box.office.newest_roots = signed_roots(roots(1, at_s=NOW_S))
            service = enrolment(box)
            running = asyncio.create_task(service.run())
            await asyncio.sleep(600)
            assert box.office.enrolments == 0
            service.broker_lost()
            await asyncio.sleep(5)
            running.cancel()
            assert box.store.trust.broker() == box.office.broker

    virtual_time.run(main())


def test_noise_does_not_cut_short_the_wait_after_a_fetch_that_failed(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            box.store.trust.keep_broker(box.office.broker)
            box.trusts(1)
            box.office.newest_roots = signed_roots(roots(2, at_s=NOW_S))
            box.office.down = True
            running = asyncio.create_task(enrolment(box).run())
            for _ in range(6_000):
                box.wakes.roots.set()
                await asyncio.sleep(0.1)
            assert 20 < box.office.roots_asked < 60
            box.office.down = False
            await asyncio.sleep(31)
            running.cancel()
            assert box.store.trust.roots() == roots(2, at_s=NOW_S)

    virtual_time.run(main())


def test_a_box_that_has_no_roots_yet_is_not_hurried_by_noise(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            running = asyncio.create_task(enrolment(box).run())
            for number in range(600):
                box.inbox.take(signed(alert(number + 1, at_s=NOW_S)))
                box.wakes.roots.set()
                await asyncio.sleep(0.1)
            running.cancel()
            assert 20 <= box.office.roots_asked <= 42

    virtual_time.run(main())


def test_a_box_that_the_controller_has_forgotten_introduces_itself_again(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            box.store.trust.keep_broker(box.office.broker)
            box.office.newest_roots = signed_roots(roots(1, at_s=NOW_S))
            box.office.forgot = True
            running = asyncio.create_task(enrolment(box).run())
            await asyncio.sleep(5)
            running.cancel()
            assert box.office.enrolments == 1
            assert box.store.trust.roots() is not None

    virtual_time.run(main())


def test_a_controller_without_roots_is_asked_until_it_has_them(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            running = asyncio.create_task(enrolment(box).run())
            await asyncio.sleep(60)
            assert box.store.trust.roots() is None
            box.office.newest_roots = signed_roots(roots(1, at_s=NOW_S))
            await asyncio.sleep(5)
            running.cancel()
            assert box.store.trust.roots() is not None

    virtual_time.run(main())


def test_what_asks_for_roots_during_a_pause_is_answered_by_the_question_after_it(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            box.store.trust.keep_broker("mqtt://old.test:1883")
            box.office.down = True
            running = asyncio.create_task(enrolment(box).run())
            await asyncio.sleep(1)
            box.wakes.roots.set()
            await asyncio.sleep(600)
            box.office.down = False
            box.office.newest_roots = signed_roots(roots(1, at_s=NOW_S))
            box.wakes.roots.set()
            asked = box.office.roots_asked
            await asyncio.sleep(600)
            running.cancel()
            assert box.office.roots_asked == asked + 1

    virtual_time.run(main())
