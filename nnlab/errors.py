"""Every error that nnlab raises on purpose, and the exit code that the command line gives it.

    NnlabError                     1   (never raised itself; code 1 is for bugs)
    ├── UsageError                 2   a wrong argument to a command or a function
    ├── ConfigError                2   the YAML file, or a setting given by --set
    ├── DataError                  3   a data set is missing, damaged or does not fit
    ├── Diverged                   4   a loss, gradient or weight became non-finite
    ├── RunLocked                  5   another process writes into this run folder
    ├── RunUnreadable              6   a run folder or a file in it cannot be used
    ├── StorageError               7   reading or writing failed: disk full, no permission
    ├── SweepFailed                8   some trials of a sweep failed
    ├── CheckFailed                9   a check found what it was made to find
    └── Interrupted        130 / 143   a signal ended the run after its state was saved

A message is one or more sentences that name the thing, the reason and the way out.
"""

from importlib.util import find_spec


class NnlabError(Exception):
    """Base of all expected errors; shown to the user without a traceback.

    remedy: what to do, for the table of exit codes in docs/environment.md.
    """

    exit_code = 1
    remedy = ""


class UsageError(NnlabError):
    """An argument is wrong."""

    exit_code = 2
    remedy = "the message names what is allowed"


class ConfigError(NnlabError):
    """A configuration is wrong; the message lists all mistakes with their places.

    `problems` holds them one by one (`nnlab.config.problems.Problem`) where they have places.
    """

    exit_code = 2
    remedy = "the message names each place and what is allowed there"

    def __init__(self, message: str, problems: tuple[object, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


class DataError(NnlabError):
    """Data is missing, damaged or of the wrong kind."""

    exit_code = 3
    remedy = "the message names file, line and column"


class Diverged(NnlabError):
    """Training left the finite numbers; the last finite weights are kept."""

    exit_code = 4
    remedy = "`nnlab doctor latest`; the run is saved"


class RunLocked(NnlabError):
    """Another process holds the run folder."""

    exit_code = 5
    remedy = "wait for it"


class RunUnreadable(NnlabError):
    """A run folder, checkpoint or weights file is missing, damaged or from a newer version."""

    exit_code = 6
    remedy = "the message names the file"


class StorageError(NnlabError):
    """The operating system refused to read or write: disk full, no permission."""

    exit_code = 7
    remedy = "free space or permissions; `nnlab resume` continues"


class SweepFailed(NnlabError):
    """A sweep ended, but not every trial did."""

    exit_code = 8
    remedy = "the table names them; the same command with --retry-failed"


class CheckFailed(NnlabError):
    """A check failed: `verify`, `gradcheck`, `crosscheck`, `grade`, an export, an expectation."""

    exit_code = 9
    remedy = "the message names the first difference"


class Interrupted(NnlabError):
    """SIGINT (130) or SIGTERM (143) ended the run; its state is saved."""

    remedy = "`nnlab resume latest`"

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def require_package(what: str, module: str, extra: str, title: str = "") -> None:
    """Raise UsageError where `what` needs a module that is not installed; `title`: its name."""
    if find_spec(module) is None:
        install = f"pip install 'nnlab[{extra}]'"
        raise UsageError(f"{what} needs {title or module}, which is not installed: {install}.")
