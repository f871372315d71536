"""What `import nnlab` offers to notebooks and scripts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import numpy as np
from numpy.typing import ArrayLike

from nnlab.config.load import given_memory, resolve_config, rows_in_memory
from nnlab.config.schema import Config
from nnlab.core.gradcheck import Checked, check_gradients
from nnlab.core.limits import require_limits
from nnlab.core.losses import LOSSES, Loss
from nnlab.core.metrics import Kind
from nnlab.core.network import Network, layer_kind
from nnlab.core.optimizers import OPTIMIZERS, Optimizer
from nnlab.core.schedules import SCHEDULES, Schedule
from nnlab.core.types import FloatArray
from nnlab.data.batches import Part
from nnlab.data.scale import Scaling
from nnlab.diagnosis.findings import Diagnosis
from nnlab.diagnosis.gather import evidence_of_config, evidence_of_run
from nnlab.diagnosis.rules import diagnose
from nnlab.experiment.session import begin
from nnlab.explanation.moments import explain_row
from nnlab.explanation.row import RowExplanation
from nnlab.exports.targets import default_path, export_run
from nnlab.run.folder import Weights
from nnlab.run.names import runs_folder
from nnlab.run.run import Run
from nnlab.show.figures import draw_all
from nnlab.training import Epoch, Failure, Plan, run_training, start
from nnlab.training.targets import checked_pairs

M = TypeVar("M")

KINDS: dict[str | None, Kind] = {"softmax": "classes", "sigmoid": "binary", None: "regression"}


def train(
    config: str | PathLike[str] | Config | Mapping[str, object],
    *,
    data: Any = None,
    runs: str | PathLike[str] | None = None,
    plots: bool = False,
    **overrides: object,
) -> Run:
    """Train a config and return its run, also if it diverged (see `status`).

    `config` is a path, the name of a shipped config, a mapping in the words of the YAML file, or
    a Config. Overrides are settings by alias (`lr=0.1, epochs=5`) or, with two underscores for a
    dot, by key (`training__batch_size=8`). `runs` is where the folder goes, as for the command.
    `data` takes the place of the data set that the config names: arrays (x, y), or a data frame
    with the setting `data__target="column"`. The run folder does not hold it, only its SHA-256; the
    run returned does, and `load` takes it again. Raises ConfigError, DataError, StorageError.
    """
    changes = [(name.replace("__", "."), value) for name, value in overrides.items()]
    loaded = resolve_config(config, changes, rows=rows_in_memory(data))
    with begin(loaded, runs_folder(runs)) as session:
        for _ in session:
            pass
    if plots:
        draw_all(session.folder)
    return Run(session.folder.path, given_memory(session.built.config))


def doctor(
    run: Run | str | PathLike[str] | Config | Mapping[str, object],
    *,
    data: Any = None,
    **overrides: object,
) -> list[Diagnosis]:
    """Why a network does not learn: findings, the surest first, each with evidence and remedy.

    `run` is a run, or the folder of one; else a config in any form of `train`, which is trained for
    a few seconds in memory. `data`: as for `train` and `load`. Raises ConfigError, DataError,
    RunUnreadable.
    """
    if isinstance(run, str | PathLike) and Path(run).is_dir():
        run = load(Path(run), data=data)
    if isinstance(run, Run):
        return diagnose(evidence_of_run(run))
    changes = [(name.replace("__", "."), value) for name, value in overrides.items()]
    loaded = resolve_config(run, changes, rows=rows_in_memory(data))
    return diagnose(evidence_of_config(loaded.config))


def explain(
    run: Run | str | PathLike[str],
    row: int,
    epoch: int | Sequence[int] | None = None,
    unit: str | Sequence[str] = (),
) -> list[RowExplanation]:
    """A row through the network and back, at one or several epochs; default the last.

    `run` is a run or what `load` takes. row: its number in the data, from 1. unit: as for the
    command, "0.dense.2". `print` shows an explanation as text, `to_dict` gives what --json prints,
    and `passage.layers` has the numbers as arrays.
    Raises UsageError, DataError, RunUnreadable; Diverged where a number is not finite.
    """
    trained = run if isinstance(run, Run) else load(run)
    epochs = [epoch] if isinstance(epoch, int) else epoch
    return list(explain_row(trained, row, epochs, [unit] if isinstance(unit, str) else unit))


def export(
    run: Run | str | PathLike[str],
    to: str,
    path: str | PathLike[str] | None = None,
    weights: Weights = "final",
) -> Path:
    """Write a run for another tool; the path of what was written.

    `run` is a run or what `load` takes. to: "script", "notebook", "torch", "onnx", "safetensors",
    "tensorboard" or "c"; see `nnlab export --help`. path: by default in the folder of the run.
    Raises UsageError for a missing package and a network that has no form there, RunUnreadable,
    StorageError; for scripts DataError.
    """
    trained = run if isinstance(run, Run) else load(run)
    target = default_path(trained, to) if path is None else Path(path)
    export_run(trained, to, target, weights)
    return target


def load(
    run: str | PathLike[str], runs: str | PathLike[str] | None = None, *, data: Any = None
) -> Run:
    """A run by its folder, its name, a unique beginning of that, or "latest".

    `runs` is where names are looked up, as for the command. `data`: the rows that `train` was given
    for this run; without them its files can be read, but nothing can be trained again. Raises
    RunUnreadable when there is no such run, UsageError for the beginning of several, DataError for
    other data.
    """
    found = Run.find(run, runs_folder(runs)) if isinstance(run, str) else Run.open(Path(run))
    return found if data is None else found.reading(data)


@dataclass(frozen=True)
class History:
    """The result of `fit`: one number per epoch, the first before training."""

    loss: FloatArray
    metrics: dict[str, FloatArray]
    failure: str | None = None


def fit(
    network: Network,
    x: ArrayLike,
    t: ArrayLike,
    loss: Loss | str,
    optimizer: Optimizer | str = "sgd",
    *,
    epochs: int = 10,
    batch_size: int | Literal["full"] = 32,
    schedule: Schedule | str = "constant",
    shuffle: bool = True,
    seed: int = 0,
    kind: Kind | None = None,
) -> History:
    """Train a network in memory on rows x (B, n) with targets t (B, m), without any file.

    loss, optimizer and schedule are members of their catalogues, or names of members with default
    settings. kind is how outputs are judged; by default cross_entropy means "classes", bce
    "binary", and any other loss "regression". Classes are labels (B,) from 0, one-hot rows or rows
    of probabilities; binary targets are 0, 1 or probabilities. For a single output, t may be (B,)
    as well. The network's parameters change in place; after a divergence they are the last finite
    ones, and `failure` names the number that is not finite. Raises ValueError for arrays and
    settings that do not fit, TypeError for objects that are not members of a catalogue.
    """
    loss = member(loss, LOSSES, Loss, "loss")
    judged = kind or KINDS[loss.fuses]
    require_trainable(network, loss, judged, epochs, batch_size, seed)
    inputs, targets, loss = checked_pairs(network, x, t, loss, judged)
    none = Scaling("none", np.zeros(()), np.ones(()))
    part = Part(inputs, np.arange(len(inputs)), none, targets, network.dtype)
    plan = Plan(
        loss=loss,
        optimizer=member(optimizer, OPTIMIZERS, Optimizer, "optimizer"),
        schedule=member(schedule, SCHEDULES, Schedule, "schedule"),
        train=part,
        validation=None,
        kind=judged,
        epochs=epochs,
        batch_size=len(inputs) if batch_size == "full" else batch_size,
        seed=seed,
        shuffle=shuffle,
    )
    records = list(run_training(plan, start(plan, network)))
    epoch_numbers = [record.train for record in records if isinstance(record, Epoch)]
    names = epoch_numbers[0] if epoch_numbers else ()
    columns = {name: np.array([numbers[name] for numbers in epoch_numbers]) for name in names}
    failure = next((record.what for record in records if isinstance(record, Failure)), None)
    return History(columns.pop("loss", np.empty(0)), columns, failure)


def gradcheck(network: Network, x: ArrayLike, t: ArrayLike, loss: Loss | str) -> list[Checked]:
    """Compare every gradient with central differences; see `nnlab.core.gradcheck`."""
    loss = member(loss, LOSSES, Loss, "loss")
    inputs, targets, loss = checked_pairs(network, x, t, loss, KINDS[loss.fuses])
    return check_gradients(network, loss, inputs, targets)


def member(value: object, catalogue: Mapping[str, type[M]], family: Any, word: str) -> M:
    """A member of a catalogue by its name, or `value` after its settings were checked.

    Raises ValueError for an unknown name or a setting out of its range, TypeError for anything
    else.
    """
    if isinstance(value, str):
        if value not in catalogue:
            raise ValueError(f"there is no {word} '{value}'; there are {', '.join(catalogue)}")
        return catalogue[value]()
    if not isinstance(value, family):
        text = value.__name__ if isinstance(value, type) else repr(value)
        raise TypeError(f"{word} must be a name, or made by a catalogue; it is {text}")
    require_limits(value, word)
    checked: M = value
    return checked


def require_trainable(
    network: Network, loss: Loss, kind: str, epochs: object, batch_size: object, seed: object
) -> None:
    """Raises ValueError if the network cannot be trained in this way."""
    require_whole_number("epochs", epochs, 0)
    if batch_size != "full":
        require_whole_number("batch_size", batch_size, 1, ", or 'full'")
    require_whole_number("seed", seed, 0)
    require_kind(network, loss, kind)
    flat = [layer for layer in network.layers if not layer.differentiable]
    if epochs and flat:
        raise ValueError(
            f"layer {network.layers.index(flat[0])} ({layer_kind(flat[0])}) has no useful "
            "derivative, so it cannot be trained"
        )


def require_kind(network: Network, loss: Loss, kind: str) -> None:
    """Raises ValueError if `kind` does not fit the network and the loss."""
    if kind not in get_args(Kind):
        raise ValueError(f"there is no kind '{kind}'; there are {', '.join(get_args(Kind))}")
    if loss.fuses is not None and kind == "regression":
        raise ValueError(f"a loss that needs {loss.fuses} is for classes, not for a regression")
    if loss.fuses == "softmax" and kind == "binary":
        raise ValueError("cross_entropy is for kind 'classes'; bce is for 'binary'")
    if kind == "classes" and network.shapes[-1] == (1,):
        raise ValueError("kind 'classes' needs an output for each class; a single one is 'binary'")


def require_whole_number(name: str, value: object, least: int, also: str = "") -> None:
    """Raises ValueError unless `value` is a whole number that is not below `least`."""
    if type(value) is bool or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{name} must be a whole number, {least} or more{also}, not {value!r}")
