"""R4 through the command line: saved, named and ended, wherever it was.

At once: what is slow here would take an hour, so a command that waits for it is noticed.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from nnlab.cli import main
from nnlab.run.folder import RunFolder
from tests.patience import PATIENCE
from tests.torture import cases
from tests.torture.worker import content, differing

ROOT = Path(__file__).resolve().parents[2]
CODES = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
LAUNCH = """
import sys, time
from nnlab.cli import main
{patch}
main.main(sys.argv[1:], prog_name="nnlab")
"""
# Something slow that says on stderr when it is reached, and when a signal has been noted.
SLOW = """
def slow(*rest, **more):
    import signal
    handler = signal.getsignal(signal.SIGTERM)
    print("reached", file=sys.stderr, flush=True)
    end = time.monotonic() + 3600
    while time.monotonic() < end:
        time.sleep(0.01)
        if signal.getsignal(signal.SIGTERM) is not handler:
            handler = signal.getsignal(signal.SIGTERM)
            print("noted", file=sys.stderr, flush=True)
            {then}
    return real(*rest, **more)
"""


@contextlib.contextmanager
def nnlab(folder: Path, *arguments: str, patch: str = "") -> Iterator["subprocess.Popen[str]"]:
    child = subprocess.Popen(
        [sys.executable, "-c", LAUNCH.format(patch=patch), *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def reached(child: "subprocess.Popen[str]", word: str) -> None:
    assert child.stderr is not None
    while not (line := child.stderr.readline()).startswith(word):
        assert line, "it ended before"


def ended(child: "subprocess.Popen[str]", number: signal.Signals) -> tuple[int, str]:
    child.send_signal(number)
    _, rest = child.communicate(timeout=PATIENCE)
    return child.returncode, rest


def the_run(folder: Path) -> RunFolder:
    (path,) = (folder / "runs").iterdir()
    return RunFolder.open(path)


LONG = ["identity.yaml", "--set", "epochs=1500", "--set", "schedule=constant", "--no-plots"]


def complete(folder: Path, *arguments: str) -> None:
    """A command in this process, which nobody disturbs."""
    with contextlib.chdir(folder):
        done = CliRunner().invoke(main, arguments, prog_name="nnlab")
    assert done.exit_code == 0, done.output


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """What LONG ends with."""
    folder = tmp_path_factory.mktemp("undisturbed")
    cases.write(folder)
    complete(folder, "train", *LONG, "--runs", "runs")
    return the_run(folder)


@pytest.mark.parametrize(("number", "code"), CODES)
def test_while_training(
    tmp_path: Path, undisturbed: RunFolder, number: signal.Signals, code: int
) -> None:
    """The resumed run ends with the same bits as a run that was never stopped."""
    cases.write(tmp_path)
    with nnlab(tmp_path, "train", *LONG, "--runs", "runs") as child:
        reached(child, "epoch 1/")
        returned, message = ended(child, number)
    run = the_run(tmp_path)
    assert (returned, run.status()) == (code, "interrupted")
    assert re.search(
        rf"{number.name}: stopped after [\d,]+ updates; the state is saved in runs/{run.name}\. "
        rf"`nnlab resume runs/{run.name}` continues it\.\n$",
        message,
    )
    assert 0 < run.load_checkpoint().meta["epoch"] < 1500
    complete(tmp_path, "resume", "latest", "--runs", "runs", "--no-plots")
    assert differing(content(run.path), content(undisturbed.path)) == []


@pytest.mark.parametrize(("number", "code"), CODES)
def test_while_the_final_figures_are_worked_out(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    patch = (
        "from nnlab.experiment import outcome\nreal = outcome.outputs\n"
        + SLOW.format(then="break")
        + "outcome.outputs = slow"
    )
    config = ("digits_binary", "--no-plots", "--set", "epochs=2")
    with nnlab(tmp_path, "train", *config, patch=patch) as child:
        reached(child, "reached")
        returned, message = ended(child, number)
    run = the_run(tmp_path)
    assert (returned, run.status()) == (code, "interrupted")
    assert f"{number.name}: stopped while the final figures were worked out;" in message
    assert not run.has("summary.json")
    complete(tmp_path, "resume", "latest", "--no-plots")
    assert run.status() == "completed"
    assert run.has("summary.json")


@pytest.mark.parametrize(("number", "code"), CODES)
def test_while_drawing(tmp_path: Path, number: signal.Signals, code: int) -> None:
    """The run is complete by then; only the figure is missing."""
    patch = (
        "import nnlab.show.figures\nreal = nnlab.show.figures.draw_all\n"
        + SLOW.format(then="pass")
        + "nnlab.show.figures.draw_all = slow"
    )
    with nnlab(tmp_path, "train", "xor", "--set", "epochs=2", patch=patch) as child:
        reached(child, "reached")
        returned, message = ended(child, number)
    assert (returned, the_run(tmp_path).status()) == (code, "completed")
    assert message.strip() == {130: "Interrupted.", 143: "Terminated."}[code]


@pytest.mark.parametrize(("number", "code"), CODES)
def test_while_the_data_is_loaded(tmp_path: Path, number: signal.Signals, code: int) -> None:
    patch = (
        "from nnlab.experiment import session\nreal = session.build\n"
        + SLOW.format(then="pass")
        + "session.build = slow"
    )
    with nnlab(tmp_path, "train", "xor", patch=patch) as child:
        reached(child, "reached")
        returned, _ = ended(child, number)
    assert returned == code
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(("number", "code"), CODES)
def test_a_second_signal_ends_at_once(tmp_path: Path, number: signal.Signals, code: int) -> None:
    """The first waits for a record that does not come; what was saved before is still there."""
    patch = (
        "from nnlab.training.drivers import NumpyDriver\nreal = NumpyDriver.update_chunk\n"
        + SLOW.format(then="pass")
        + "NumpyDriver.update_chunk = lambda driver, chunk: "
        "(slow if driver.state.epoch == 3 else real)(driver, chunk)"
    )
    often = ("--set", "training.checkpoint_every=1", "--set", "training.engine=numpy")
    config = ("digits_binary", "--no-plots", *often)
    with nnlab(tmp_path, "train", *config, patch=patch) as child:
        reached(child, "reached")
        child.send_signal(number)
        reached(child, "noted")
        assert child.poll() is None
        returned, _ = ended(child, number)
    run = the_run(tmp_path)
    assert (returned, run.status()) == (code, "interrupted")
    assert run.load_checkpoint().meta["epoch"] == 3
