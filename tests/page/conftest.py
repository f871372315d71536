"""Runs to report of, made once, and a real browser that looks at the pages."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

import nnlab
from nnlab.run.folder import RunFolder
from nnlab.show.page import report_run
from tests.quick import leave_out_figures_on_request

ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--window-size=1100,900",
)
LARGEST = 3_000_000  # bytes of a page
# Each suits another scene of the slider, or another kind of task.
SMALL: dict[str, tuple[str, dict[str, Any]]] = {
    "plane": ("xor", {"epochs": 400, "lr": 0.5}),
    "codes": ("identity8", {"epochs": 300}),
    "curve": ("approximate", {"epochs": 40}),
    "filters": ("digits_binary", {"epochs": 3}),
    "untrained": ("forward_random", {}),
}


def save_page(run: RunFolder, html: str) -> Path:
    """Write report.html into the folder."""
    run.save_text("report.html", html)
    return run.path / "report.html"


@pytest.fixture(autouse=True)
def _quick(quick_figures: None) -> None:
    """No figures that take long."""


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for all processes that run these tests."""
    own = tmp_path_factory.getbasetemp()
    place = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "shared"
    place.mkdir(exist_ok=True)
    return place


@pytest.fixture(scope="session")
def runs(shared: Path) -> dict[str, RunFolder]:
    """A finished run for each of SMALL; nobody may change them."""
    with FileLock(shared / "lock"):
        for name, (config, changes) in SMALL.items():
            if not (shared / name).exists():
                nnlab.train(config, runs=shared / name, name=name, **changes)
    return {name: RunFolder.open(next((shared / name).iterdir())) for name in SMALL}


@pytest.fixture(scope="session")
def pages(shared: Path, runs: dict[str, RunFolder]) -> dict[str, Path]:
    """The report of each, in its folder."""
    with pytest.MonkeyPatch.context() as patch, FileLock(shared / "lock"):
        leave_out_figures_on_request(patch)
        for run in runs.values():
            if not run.has("report.html"):
                save_page(run, report_run(run).html)
    return {name: run.path / "report.html" for name, run in runs.items()}


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Chromium without a window; skips where Chromium, its driver or selenium is not installed."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    found = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chrome")
    helper = shutil.which("chromedriver")
    if found is None or helper is None:
        pytest.skip("no chromium and chromedriver (Debian: apt install chromium chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = found
    for argument in (*ARGUMENTS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    # The driver's own log would be a pipe that nobody empties; selenium never looks for a driver.
    service = webdriver.ChromeService(executable_path=helper, log_output=os.devnull)
    browser = webdriver.Chrome(options=options, service=service)
    try:
        yield browser
    finally:
        browser.quit()


@pytest.fixture
def browser(driver: Any) -> Iterator["Browser"]:
    """The browser as if it had just been started; a message in its console fails the test."""
    seen = Browser(driver)
    seen.media()
    driver.get_log("browser")
    driver.get_log("performance")
    yield seen
    assert driver.get_log("browser") == []


class Browser:
    """What tests ask of a browser."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, page: Path) -> None:
        """Load the page from its file."""
        self.driver.get(page.resolve().as_uri())

    def media(self, kind: str = "", width: int = 1100, **features: str) -> None:
        """Pretend: `print`, a dark scheme (color_scheme="dark"), a narrow screen."""
        features = {"color_scheme": "light", "reduced_motion": "reduce", **features}
        asked = [
            {"name": f"prefers-{name.replace('_', '-')}", "value": v}
            for name, v in features.items()
        ]
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"media": kind, "features": asked}
        )
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def all(self, selector: str) -> list[Any]:
        """Every element that the selector means."""
        return list(self.driver.find_elements("css selector", selector))

    def one(self, selector: str) -> Any:
        """The first element that the selector means."""
        return self.driver.find_element("css selector", selector)

    def texts(self, selector: str) -> list[str]:
        """Their texts."""
        return [element.text for element in self.all(selector)]

    def run(self, script: str) -> Any:
        """The value of some JavaScript."""
        return self.driver.execute_script(script)

    def requests(self) -> list[str]:
        """Every address that was asked for since the last look."""
        lines = [json.loads(entry["message"]) for entry in self.driver.get_log("performance")]
        messages = [line["message"] for line in lines]
        return [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]
