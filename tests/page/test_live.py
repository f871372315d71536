"""A live page in a real Chromium, beside a training whose pace the test sets."""

import os
import pty
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from nnlab.config.load import load_config
from nnlab.experiment.session import Session, begin
from nnlab.live.beside import PageBeside
from nnlab.training import Record
from tests.page.conftest import Browser
from tests.patience import PATIENCE, wait_until

QUICK = ("training.engine=numpy", "training.epochs=60", "lr=0.5")
LATEST = "return document.querySelector('.moment-label b').textContent"


@dataclass
class Training:
    """A training that goes on when a test says so, with its page."""

    session: Session
    records: Iterator[Record]
    page: PageBeside

    def go(self, epochs: int) -> None:
        """Train, and write what a page can see."""
        for _ in range(epochs):
            self.session._progress._due = float("-inf")
            if next(self.records, None) is None:
                return


@pytest.fixture
def training(tmp_path: Path) -> Iterator[Training]:
    loaded = load_config("xor", QUICK)
    with PageBeside() as page, begin(loaded, tmp_path, name="live") as session:
        session.flush_seconds = 1e-9
        session._plan = replace(session._plan, burst=1)
        page.start(session.folder.path)
        yield Training(session, iter(session), page)


def epoch_shown(browser: Browser) -> int:
    text = browser.run(LATEST).removeprefix("epoch ")
    return int(text) if text else -1


def test_points_appear_while_it_trains_and_a_closed_tab_changes_nothing(
    browser: Browser, training: Training, tmp_path: Path
) -> None:
    from selenium.webdriver import Keys

    training.go(5)
    browser.driver.get(training.page.address)
    wait_until(lambda: epoch_shown(browser) >= 3)
    assert "still running" in browser.one(".story").text
    training.go(10)
    wait_until(lambda: epoch_shown(browser) >= 13)
    wait_until(lambda: len(browser.all("figure.chart:first-of-type .dot")) >= 13)
    # By keyboard: an older moment stays while newer ones come; the end follows them again.
    slider = browser.one(".player input")
    slider.send_keys(Keys.HOME)
    assert epoch_shown(browser) == 0
    most = int(slider.get_attribute("max"))
    training.go(10)
    wait_until(lambda: int(slider.get_attribute("max")) > most)
    assert epoch_shown(browser) == 0
    slider.send_keys(Keys.END)
    training.go(5)
    wait_until(lambda: epoch_shown(browser) >= 28)
    gradients = next(button for button in browser.all(".choice button") if "grad" in button.text)
    before = browser.one(".weights").get_attribute("innerHTML")
    gradients.send_keys(Keys.ENTER)
    assert gradients.get_attribute("aria-pressed") == "true"
    assert browser.one(".weights").get_attribute("innerHTML") != before
    browser.media(width=400)
    assert browser.run("return document.documentElement.scrollWidth") <= 400
    asked = [url for url in browser.requests() if not url.startswith("data:")]
    assert asked
    assert all(url.startswith(training.page.address) for url in asked)
    browser.driver.get("about:blank")  # as a closed tab
    training.go(100)
    assert training.session.summary
    with begin(load_config("xor", QUICK), tmp_path, name="plain") as session:
        list(session)
    folders = (session.folder, training.session.folder)
    final = [(folder.path / "weights" / "final.npz").read_bytes() for folder in folders]
    assert final[0] == final[1]
    assert session.hashes == training.session.hashes


def test_the_page_stays_when_the_program_ends(browser: Browser, training: Training) -> None:
    training.go(5)
    browser.driver.get(training.page.address)
    wait_until(lambda: epoch_shown(browser) >= 3)
    training.go(100)
    wait_until(lambda: epoch_shown(browser) == 60)
    wait_until(lambda: "came to its end" in browser.one(".story").text)
    training.page.__exit__(None, None, None)
    wait_until(lambda: "has ended" in browser.one("footer").text)
    assert epoch_shown(browser) == 60


def started(folder: Path, stdin: int) -> "subprocess.Popen[str]":
    """A short training with a page and without a browser."""
    command = "train xor --live --no-open --no-plots --set epochs=20 --set training.engine=numpy"
    return subprocess.Popen(
        [sys.executable, "-m", "nnlab", *command.split()],
        cwd=folder,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_command_prints_the_address_and_waits_for_a_last_look(tmp_path: Path) -> None:
    """Without a browser; Ctrl+C ends it, with the exit code of the training."""
    terminal, keyboard = pty.openpty()
    with started(tmp_path, stdin=keyboard) as process:
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")
        address = next(line for line in lines if line.startswith("The page: ")).split()[-1]
        assert any(line.startswith("For a last look: ") for line in lines)
        with urllib.request.urlopen(address, timeout=PATIENCE) as answer:
            assert b"xor" in answer.read()
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0
        assert "20 updates" in output
    os.close(terminal)
    os.close(keyboard)
    with pytest.raises(OSError):  # noqa: PT011
        urllib.request.urlopen(address, timeout=PATIENCE)


def test_without_a_terminal_the_page_ends_with_the_training(tmp_path: Path) -> None:
    """As in a cron job, where nobody can press Ctrl+C."""
    with started(tmp_path, stdin=subprocess.DEVNULL) as process:
        output, messages = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert "20 updates" in output
    assert messages.endswith(
        "The page ends with the training: there is no terminal in which to press Ctrl+C.\n"
    )
