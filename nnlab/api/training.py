"""One training, from a config or from where a run was stopped: `nnlab.train`, `nnlab.resume`."""

from collections.abc import Iterator
from contextlib import contextmanager
from signal import SIGINT
from typing import Any

from nnlab.api.arguments import checks_arguments
from nnlab.api.find import AnyConfig, AnyPath, AnyRun, as_overrides, find_trained, load_request
from nnlab.api.progress import Display, choose_display
from nnlab.api.trained_run import TrainedRun
from nnlab.config.given_rows import given_memory
from nnlab.data.memory import Memory
from nnlab.errors import Interrupted
from nnlab.experiment.provide import provide_data
from nnlab.experiment.resume import reopen
from nnlab.experiment.session import Session, begin
from nnlab.experiment.signals import CODES
from nnlab.run.folder import RunFolder
from nnlab.run.names import runs_folder
from nnlab.show.figures import draw_all


@checks_arguments
def train(
    config: AnyConfig,
    *,
    data: Any = None,
    runs: AnyPath | None = None,
    name: str | None = None,
    plots: bool = False,
    progress: bool | None = None,
    **overrides: object,
) -> TrainedRun:
    """Train a config and return its run, also if it diverged (see `status`).

    `config` is a path, the name of a shipped config, a mapping in the words of the YAML file, a
    Config, or a run, for its config. Overrides are settings by alias (`lr=0.1, epochs=5`) or, with
    two underscores for a dot, by key (`training__batch_size=8`). Where a config names a member of a
    catalogue, a member itself is a value too: `optimizer=nnlab.OPTIMIZERS["adam"](lr=0.1)`. `runs`
    is where the folder goes, as for the command; `name` the run's name. progress: a bar; by default
    in notebooks and at a prompt.

    `data` takes the place of the data set that the config names: arrays (x, y), or a data frame
    with the setting `data__target="column"`. The run that is returned holds it. The run folder
    holds its SHA-256 alone; `load` takes the data again. A text or a mapping is a data set in the
    words of a config: "moons", {"moons": 300}.

    Ctrl+C, or a notebook's stop button, saves the state: the run that is returned is `interrupted`,
    and `resume` continues it. Raises ConfigError, DataError, StorageError.
    """
    loaded = load_request(config, data, overrides)
    shown = choose_display(progress)
    provide_data(loaded.config, shown.tell)
    with returning_on_interrupt(shown), begin(loaded, runs_folder(runs), name=name) as session:
        _follow(session, shown)
    return _ended(session.folder, plots, given_memory(loaded.config))


def resume(
    run: AnyRun, *, plots: bool = False, progress: bool | None = None, **overrides: object
) -> TrainedRun:
    """Continue a run that was stopped, to the same bits; a run that is complete stays as it is.

    overrides: `training__epochs` or `epochs` for more epochs, `training__checkpoint_every`. Ctrl+C
    acts as in `train`. Raises RunLocked, RunUnreadable; ConfigError for settings that cannot
    change; DataError when the data has changed; UsageError for a run that diverged.
    """
    trained, shown = find_trained(run), choose_display(progress)
    folder, memory = trained.folder, trained.memory
    changes = as_overrides(overrides)
    with returning_on_interrupt(shown), reopen(folder, changes, memory=memory) as session:
        if session is not None:
            _follow(session, shown)
    return _ended(folder, plots, memory)


def _follow(session: Session, shown: Display) -> None:
    for note in session.notes:
        shown.tell(note)
    with shown.training(session.built.plan.epochs, session.seconds) as see:
        for record in session:
            see(record)


def _ended(folder: RunFolder, plots: bool, memory: Memory | None) -> TrainedRun:
    run = TrainedRun(folder.path, memory)
    if plots and run.status.ended:
        draw_all(folder)
    return run


@contextmanager
def returning_on_interrupt(shown: Display) -> Iterator[None]:
    """Ends the `with` block quietly after Ctrl+C, once all is saved; SIGTERM stays an error."""
    try:
        yield
    except Interrupted as stop:
        if stop.exit_code != CODES[SIGINT]:
            raise
        shown.warn(str(stop))
