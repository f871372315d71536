"""How many states of a network per second `nnlab play` shows in a real browser.

Claim: at least 20 per second while it trains as fast as it can, on xor, spirals and digits.

A headless Chromium opens the playground and plays. A state counts when an animation frame has
drawn it. Server: processor time of this process, which trains too; frame: of what it makes for
a state; page: of the page's main thread; all in milliseconds per state.

    python -m benchmarks.play [SECONDS]
"""

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import timing
from nnlab.live.feed import Feed
from nnlab.live.server import Site, serving
from nnlab.play.playground import Playground, playground_page
from nnlab.play.settings import Start

TARGET = 20.0  # states per second
SECONDS = 5.0
FRAMES = 50  # made to be timed
GAMES: dict[str, tuple[str | None, list[str]]] = {
    "xor": ("xor", ["training.epochs=1000000"]),
    "spirals": (None, ["data=spirals"]),
    "digits": ("digits_deep", ["training.epochs=1000000"]),
}
COUNT = """
window.states = 0;
let waits = false;
document.addEventListener("moment", () => {
  if (waits) return;
  waits = true;
  requestAnimationFrame(() => { waits = false; window.states += 1; });
});
document.querySelector("#speed").value = "0";
document.querySelector("#play").click();
"""


def browser(folder: str) -> Any:
    """Chromium without a window."""
    import shutil

    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    flags += ["--no-first-run", "--window-size=1300,900", f"--user-data-dir={folder}/chromium"]
    for flag in flags:
        options.add_argument(flag)
    service = webdriver.ChromeService(executable_path=shutil.which("chromedriver") or "")
    return webdriver.Chrome(options=options, service=service)


def page_seconds(driver: Any) -> float:
    """Processor time of the page's main thread."""
    metrics = driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    return float({entry["name"]: entry["value"] for entry in metrics}["TaskDuration"])


def frame_seconds(game: Playground) -> float:
    """Processor time of one state's messages, in the thread that trains."""

    def frames() -> float:
        game.feed.news(0)  # a page looks
        began = time.thread_time()
        for _ in range(FRAMES):
            game.show(game.player, False)
        return (time.thread_time() - began) / FRAMES

    return game.player.ask(frames)


def measure(name: str, driver: Any, folder: str, seconds: float) -> list[str]:
    """A row of the table."""
    config, pairs = GAMES[name]
    feed = Feed()
    game = Playground(Start.of(config, pairs), Path(folder), feed)
    with game, serving(Site(*playground_page(name), feed, game.actions)) as address:
        driver.get("about:blank")
        driver.get(address)
        time.sleep(1)
        driver.execute_script(COUNT)
        time.sleep(1)
        step, server = game.player.training.state.step, time.process_time()
        page = page_seconds(driver)
        states, began = driver.execute_script("return states"), time.perf_counter()
        time.sleep(seconds)
        states = driver.execute_script("return states") - states
        took = time.perf_counter() - began
        page, server = page_seconds(driver) - page, time.process_time() - server
        updates = (game.player.training.state.step - step) / took
        engine = game.player.training.plan.engine
        game.actions["pause"]({})
        frame = frame_seconds(game)
        driver.get("about:blank")
    each = max(states, 1)
    per_state = [f"{1e3 * value:.1f}" for value in (server / each, frame, page / each)]
    rate = states / took
    verdict = "met" if rate >= TARGET else "missed"
    return [name, engine, f"{rate:.1f}", verdict, *per_state, f"{updates:,.0f}"]


def main() -> int:
    """Measure and print; 9 where the target is missed."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    with tempfile.TemporaryDirectory() as folder:
        driver = browser(folder)
        try:
            driver.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
            rows = [measure(name, driver, folder, seconds) for name in GAMES]
        finally:
            driver.quit()
    header = ["game", "engine", "states/s", f">= {TARGET:.0f}", "server ms", "frame ms"]
    print(timing.environment())
    print(timing.table([*header, "page ms", "updates/s"], rows))
    return 0 if all(row[3] == "met" for row in rows) else 9


if __name__ == "__main__":
    sys.exit(main())
