"""A script is checked before it is handed over: it must reach the losses of the run."""

import re
import subprocess
import sys
from math import floor, log10
from pathlib import Path
from tempfile import TemporaryDirectory

from nnlab.errors import UsageError
from nnlab.experiment.resume import rebuild
from nnlab.exports.script import BESIDE, Script, write_script
from nnlab.exports.trained import Exported
from nnlab.run.folder import Weights
from nnlab.run.run import Run

EXACT = 1e-12  # relative, of the loss of an epoch
USELESS = 1e-2


def export_script(run: Run, path: Path, weights: Weights = "initial") -> Exported:
    """The script of a run after it was run with success; a note about its exactness.

    It begins with the initial weights always. Raises UsageError, DataError, RunUnreadable,
    StorageError.
    """
    script, note = checked_script(run, path.stem)
    return Exported(script.text, script.arrays, (note,))


def checked_script(run: Run, stem: str, file: str = BESIDE) -> tuple[Script, str]:
    """The script after it was tried as `stem`.py, and a sentence about its exactness.

    In some trainings rounding errors grow, so that two correct programs come apart. The script
    accepts a hundred times the difference that it was seen to have, or EXACT. `file` as for
    `write_script`. Raises as `export_script`.
    """
    built = rebuild(run)
    with TemporaryDirectory() as folder:
        trial = Path(folder) / f"{stem}.py"
        script = write_script(run, built, USELESS)
        Exported(script.text, script.arrays).write(trial)
        difference = largest_difference(trial)
    note = f"Checked: it trains again, and its losses differ by at most {difference:.0e}."
    if difference <= EXACT:
        return write_script(run, built, EXACT, file), note
    tolerance = float(f"1e{floor(log10(difference)) + 2}")
    grows = f"{note} Rounding errors grow in this training."
    return write_script(run, built, tolerance, file), grows


def largest_difference(script: Path) -> float:
    """Runs a script; the largest relative difference of a loss that it prints.

    Raises UsageError where the script fails.
    """
    command = [sys.executable, "-I", str(script)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip() or "it printed nothing").splitlines()[-1]
        raise UsageError(
            f"The script was tried, and does not reach the losses of the run ({last}). Rounding "
            "errors grow too much in this training, or the run was trained by another version."
        )
    return max(map(float, re.findall(r"difference (\S+)$", done.stdout, re.MULTILINE)))
