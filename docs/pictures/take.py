"""Takes the README's pictures anew from a running demo: `make pictures` (needs Debian's Chromium)."""

import sys
import time
from argparse import Namespace
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from controller.demo.processes import free_port
from controller.demo.runner import prepare, staged

FOLDER = Path(__file__).parent
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def main() -> int:
    options = Namespace(port=free_port(), boxes=20, broker="auto", dir=Path("build/pictures"))
    with staged(options) as stage:
        world = prepare(stage)
        from controller.demo import exhibits
        from controller.demo.emergency import Alarm
        from controller.demo.officer import Officer
        from controller.demo.world import HERE

        exhibits.lay_out(stage)
        people = {name: Officer(stage.layout.url, name) for name in ("hoa", "minh")}
        passwords = {name: officer.log_in(world.passwords[name]) for name, officer in people.items()}
        alarm = Alarm(stage, people)
        alarm.raise_in(HERE)
        time.sleep(3)
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
            page = logged_in(browser, stage.layout.url, "minh", passwords["minh"])
            page.goto(f"{stage.layout.url}/khan-cap/{alarm.order}/")
            shoot(page, "emergency", whole=True)
            page.goto(f"{stage.layout.url}/hop/")
            shoot(page, "boxes")
            browser.close()
    return 0


def logged_in(browser: Browser, url: str, username: str, password: str) -> Page:
    page = browser.new_page(viewport={"width": 1100, "height": 900}, locale="vi-VN")
    page.goto(f"{url}/dang-nhap/")
    page.fill("[name=username]", username)
    page.fill("[name=password]", password)
    page.click("form button[type=submit], form button.primary")
    page.wait_for_load_state("networkidle")
    return page


def shoot(page: Page, name: str, *, whole: bool = False) -> None:
    page.wait_for_timeout(1500)
    page.screenshot(path=FOLDER / f"{name}.png", full_page=whole)
    print(f"▸ {FOLDER / name}.png")


if __name__ == "__main__":
    sys.exit(main())
