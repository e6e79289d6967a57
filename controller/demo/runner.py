"""`loalang demo`: sets the sample province up, starts everything, and either waits for Ctrl-C or runs the journey."""

import fcntl
import os
import shutil
import signal
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, NoReturn

from controller.demo.broker import CHOICES
from controller.demo.errors import DemoError
from controller.demo.layout import CODE, DURESS_CODE, PASSPHRASE, Layout
from controller.demo.processes import free_port, port_is_open
from controller.demo.stage import Stage

if TYPE_CHECKING:
    from controller.demo.world import World

MAX_BOXES: Final = 200
AWAY_S: Final = 60


def add(commands: Any) -> None:
    """The sub-command of `loalang`."""
    parser: ArgumentParser = commands.add_parser(
        "demo", help="một tỉnh mẫu trên máy này / a sample province on this machine"
    )
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--boxes", type=int, default=20, help="simulated boxes beside the real agent")
    parser.add_argument("--dir", type=Path, help="made anew at every start (default: build/demo-PORT)")
    parser.add_argument("--broker", choices=CHOICES, default="auto", help="auto: Mosquitto where it is installed")
    parser.add_argument("--audio", action="store_true", help="the real agent takes this machine's loudspeaker")
    parser.add_argument("--check", action="store_true", help="run the journey by itself, report, and end")
    parser.add_argument("--report", type=Path, default=Path("build/demo-report.json"))
    parser.set_defaults(run=run)


def run(options: Namespace) -> int:
    """Exit code 0 when the demo ended as it should, 1 when it could not start or a step of the journey failed."""
    for end in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(end, _interrupt)
    try:
        with staged(options) as stage:
            world = prepare(stage)
            if options.check:
                from controller.demo.journey import travel

                return travel(stage, world, options.report)
            _show(stage, world)
    except DemoError as error:
        print(f"✗ {error}", flush=True)
        return 1
    except KeyboardInterrupt:
        print("\n▸ stopped", flush=True)
    return 0


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def staged(options: Namespace) -> Stage:
    """An empty stage for these options (port, boxes, broker, dir). Raises `DemoError`."""
    if not 1 <= options.boxes <= MAX_BOXES:
        raise DemoError(f"--boxes {options.boxes}: from 1 to {MAX_BOXES} simulated boxes")
    if not 1 <= options.port <= 65_535:
        raise DemoError(f"--port {options.port}: a port is a number from 1 to 65535")
    if port_is_open(options.port):
        raise DemoError(
            f"Port {options.port} is taken by another program (perhaps another demo). "
            f"Stop that one, or choose another port: make demo PORT={options.port + 1}"
        )
    folder = (options.dir or Path(f"build/demo-{options.port}")).absolute()
    layout = Layout(folder, options.port, free_port(), free_port(), free_port())
    _make_anew(layout.folder)
    if options.audio and options.check:
        raise DemoError("--audio and --check: the journey compares a recording, which a loudspeaker leaves none of")
    return Stage(layout, boxes=options.boxes, broker_choice=options.broker, aloud=options.audio)


def _make_anew(folder: Path) -> None:
    """Remove what an earlier demo left here; refuse a folder that is in use, or is something else."""
    mark = folder / ".loalang-demo"
    if folder.exists() and any(folder.iterdir()) and not mark.exists():
        raise DemoError(f"--dir {folder}: this folder holds something that no demo made; name another one")
    if mark.exists() and not _lock(mark):
        raise DemoError(f"--dir {folder}: another demo is running here; stop that one, or name another folder")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    _lock(mark)


def _lock(mark: Path) -> bool:
    """Hold this file until the process ends; False if another process holds it."""
    file = mark.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return False
    _held.append(file)
    return True


_held: Final[list[IO[str]]] = []


def prepare(stage: Stage) -> "World":
    """Start everything, with the sample province in it; boxes are not approved yet."""
    print("▸ the sample province: units, people, keys, certificates", flush=True)
    os.environ.update(stage.environment)
    from controller.cli.commands import set_up_database

    set_up_database()
    from controller.demo import world

    made = world.make(stage.layout)
    print(f"▸ broker: {stage.about_broker}", flush=True)
    stage.start_broker()
    print(f"▸ controller on {stage.layout.url}", flush=True)
    stage.start_controller()
    print(f"▸ one real agent and {stage.boxes} simulated boxes", flush=True)
    stage.start_boxes(made.ca)
    return made


def _show(stage: Stage, made: "World") -> None:
    """Approve the boxes, lay out something to see, say who may log in, and stay until Ctrl-C."""
    from controller.demo import exhibits, world

    exhibits.lay_out(stage)
    print(f"\n  {stage.layout.url}\n")
    print(f"  {'login':8} {'one-time password':20} who")
    for person in world.PEOPLE:
        print(f"  {person.username:8} {made.passwords[person.username]:20} {person.about}")
    home = stage.layout.agent
    print(f"\n  Emergencies are signed with key files: {stage.layout.keys}/*.key.json, passphrase “{PASSPHRASE}”")
    where = "this machine's loudspeaker" if stage.aloud else f"{home}/recordings/"
    print(f"  What the real agent sounds: {where}")
    if not stage.aloud:
        print(
            f"  Its microphone hears that: .venv/bin/loalang-agent wire horn off --config {home}/box.toml cuts the wire"
        )
    print(f"  What stands on its board: {home}/state/board.png")
    print(f"  Ask it: .venv/bin/loalang-agent status --config {home}/box.toml")
    print(
        f"  Its button: .venv/bin/loalang-agent wire key on --config {home}/box.toml, then wire emergency on, 3 s, off"
    )
    print(f"  Its own page: http://127.0.0.1:{stage.layout.local_port}; code {CODE}, duress code {DURESS_CODE}")
    print(f"  Speak at it: .venv/bin/loalang-agent talk --config {home}/box.toml; all of it: docs/panel.md")
    print(f"  Logs: {stage.layout.logs}/\n\n  Ctrl-C ends the demo.", flush=True)
    _keep_going(stage)


def _keep_going(stage: Stage) -> NoReturn:
    """Stay until Ctrl-C. Whoever kills a program to see what the others do has a minute for it; then it is back."""
    back_at: dict[str, float] = {}
    while True:
        time.sleep(0.5)
        for program in stage.programs:
            if program.running:
                continue
            if program.name not in back_at:
                print(f"! {program.name} has ended; it is started again in {AWAY_S} s", flush=True)
            if time.monotonic() >= back_at.setdefault(program.name, time.monotonic() + AWAY_S):
                program.start()
                del back_at[program.name]
                print(f"▸ {program.name} is back", flush=True)
