"""Many boxes in one process, for the demo and for trials: the daemon's own code, with a speaker that no one hears.

Each has a folder of its own with its box.toml, its state, and `sounded.jsonl`: what a person beside it would hear.
"""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Final

import structlog

from agent.config import Config, to_toml
from agent.daemon import run_box
from agent.drivers.systemd import Notifier
from agent.errors import ConfigError

log = structlog.get_logger()

MAX_BOXES: Final = 500
SOUNDED: Final = "sounded.jsonl"


def configure(template: Config, folder: Path, count: int) -> list[Config]:
    """`count` configurations after the template, each in a folder below `folder`, written as box.toml there."""
    if not 1 <= count <= MAX_BOXES:
        raise ConfigError(
            f"--count {count}: from 1 to {MAX_BOXES} boxes run in one process",
            vi=f"--count {count}: một tiến trình chạy được từ 1 đến {MAX_BOXES} hộp",
        )
    configs = []
    for number in range(1, count + 1):
        own = folder.absolute() / f"box-{number:02d}"
        config = replace(
            template,
            name=f"{template.name} {number:02d}",
            state_dir=own / "state",
            output="fake",
            recordings=own,
            control_socket=own / "control.sock",
        )
        own.mkdir(parents=True, exist_ok=True)
        (own / "box.toml").write_text(to_toml(config), encoding="utf-8")
        configs.append(config)
    return configs


async def simulate(configs: list[Config], stop: asyncio.Event) -> None:
    """Run them all until `stop`; one that fails takes the others with it, since a demo with a hole is no demo."""
    log.info("simulating", boxes=len(configs))
    silent = Notifier(None, None)
    async with asyncio.TaskGroup() as group:
        for config in configs:
            group.create_task(_in_context(config, stop, silent), name=config.name)


async def _in_context(config: Config, stop: asyncio.Event, notifier: Notifier) -> None:
    structlog.contextvars.bind_contextvars(box=config.name)
    await run_box(config, stop, notifier)
