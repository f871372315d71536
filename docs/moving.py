"""Makes docs/images/play.gif: `nnlab play spirals` in a real browser, while it learns.

    make figures      # with the other images; needs chromium, its driver and selenium

The playground is served as for a user, and the browser's own screenshots are the frames.
"""

import io
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from PIL import Image

from nnlab.live.feed import Feed
from nnlab.live.server import Site, serving
from nnlab.play.playground import Playground, playground_page
from nnlab.play.settings import Start

PICTURE = Path(__file__).with_name("images") / "play.gif"
FRAMES, PAUSE = 24, 0.3  # number, and seconds between two
SIZE = (1120, 1040)  # of the window, in pixels
WIDTH, COLOURS = 760, 32  # of the picture
SETTINGS = (
    "data={name: spirals, noise: 0.02}",
    "network=[{dense: 12}, tanh, {dense: 8}, tanh, {dense: 1}, sigmoid]",
    "loss=bce",
    "optimizer={adam: 0.01}",
)
ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--hide-scrollbars",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def main() -> None:
    """Play for some seconds and save what the page showed."""
    with tempfile.TemporaryDirectory() as place, tempfile.TemporaryDirectory() as profile:
        feed = Feed()
        start = Start.of(None, SETTINGS)
        with (
            Playground(start, Path(place), feed) as game,
            serving(Site(*playground_page("nnlab play"), feed, game.actions)) as address,
        ):
            frames = record(address, profile)
    first, *rest = [shrink(frame) for frame in frames]
    first.save(PICTURE, save_all=True, append_images=rest, duration=200, loop=0, optimize=True)
    print(f"{PICTURE} {PICTURE.stat().st_size / 1024:.0f} KiB")


def record(address: str, profile: str) -> list[bytes]:
    """Screenshots of the page from before the first update on."""
    from selenium import webdriver
    from selenium.webdriver.support.ui import Select

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for argument in (*ARGUMENTS, f"--user-data-dir={profile}"):
        options.add_argument(argument)
    service = webdriver.ChromeService(shutil.which("chromedriver"), log_output=os.devnull)
    browser: Any = webdriver.Chrome(options=options, service=service)
    try:
        browser.set_window_size(*SIZE)
        browser.get(address)
        time.sleep(2)
        Select(browser.find_element("id", "speed")).select_by_visible_text("100")
        frames = [browser.get_screenshot_as_png()]
        browser.find_element("id", "play").click()
        for _ in range(FRAMES):
            time.sleep(PAUSE)
            frames.append(browser.get_screenshot_as_png())
        return frames
    finally:
        browser.quit()


def shrink(frame: bytes) -> Image.Image:
    """A screenshot at the width of the picture, with few colours."""
    image = Image.open(io.BytesIO(frame)).convert("RGB")
    small = image.resize(
        (WIDTH, round(WIDTH * image.height / image.width)), Image.Resampling.LANCZOS
    )
    return small.quantize(COLOURS, dither=Image.Dither.NONE)


if __name__ == "__main__":
    main()
