"""What `import nnlab` offers to notebooks and scripts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nnlab.config.dump import mapping
from nnlab.config.load import Loaded, from_mapping
from nnlab.config.load import load as load_config
from nnlab.config.schema import Config
from nnlab.core.gradcheck import Checked, check_gradients
from nnlab.core.losses import Loss
from nnlab.core.metrics import Kind
from nnlab.core.network import Network
from nnlab.core.optimizers import Optimizer, Sgd
from nnlab.core.schedules import Constant, Schedule
from nnlab.core.types import FloatArray
from nnlab.data.batches import Part
from nnlab.data.scale import Scaling
from nnlab.experiment.saved import Saved
from nnlab.experiment.session import begin
from nnlab.plots import draw_all
from nnlab.run.folder import RunFolder, Weights
from nnlab.run.names import runs_folder
from nnlab.training import Epoch, Failure, Plan, start
from nnlab.training import train as train_steps


@dataclass(frozen=True)
class Run:
    """A finished or interrupted run, read from its folder."""

    path: Path

    @property
    def status(self) -> str:
        """running, completed, early_stopped, diverged, interrupted, failed, or resumable."""
        return self._saved.folder.status()

    @cached_property
    def metrics(self) -> dict[str, NDArray[Any]]:
        """metrics.csv as columns, one number an epoch; row 0 is before training."""
        table = self._saved.folder.read_metrics()
        return {name: np.asarray(column) for name, column in table.items()}

    @cached_property
    def summary(self) -> dict[str, Any]:
        """summary.json: final, best, test, classes, confusion."""
        return self._saved.folder.read_summary()

    @property
    def config(self) -> Config:
        """The config with all defaults filled in."""
        return self._saved.config

    def network(self, weights: Weights = "final") -> Network:
        """The network with its initial, best or final weights."""
        return self._saved.network(weights)

    def predict(self, x: ArrayLike, weights: Weights = "final") -> FloatArray:
        """Outputs (B, m) for rows x (B, n) in the data set's own units."""
        return self._saved.predict(x, weights)

    @cached_property
    def _saved(self) -> Saved:
        return Saved(RunFolder.open(self.path))


def train(
    config: str | PathLike[str] | Config | Mapping[str, object],
    *,
    runs: str | PathLike[str] | None = None,
    plots: bool = False,
    **overrides: object,
) -> Run:
    """Train a config and return its run; a diverged run is returned too, see its `status`.

    `config` is a path, the name of a shipped config, a mapping in the words of the YAML file, or
    a Config. Overrides are settings by alias (`lr=0.1, epochs=5`) or, with two underscores for a
    dot, by key (`training__batch_size=8`). `runs` is where the folder goes, as for the command.
    Raises ConfigError, DataError, StorageError.
    """
    changes = [(name.replace("__", "."), value) for name, value in overrides.items()]
    with begin(loaded(config, changes), runs_folder(runs)) as session:
        for _ in session:
            pass
    if plots:
        draw_all(session.folder)
    return Run(session.folder.path)


def loaded(
    config: str | PathLike[str] | Config | Mapping[str, object],
    changes: Sequence[tuple[str, object]],
) -> Loaded:
    """The config in any of its forms, with the overrides applied."""
    if isinstance(config, Config):
        config = mapping(config)
    if isinstance(config, Mapping):
        return Loaded(from_mapping(config, changes))
    return load_config(Path(config) if not isinstance(config, str) else config, changes)


def load(path: str | PathLike[str]) -> Run:
    """The run in a folder. Raises RunUnreadable when it holds none."""
    return Run(RunFolder.open(Path(path)).path)


@dataclass(frozen=True)
class History:
    """What `fit` did: one number an epoch, the first before training."""

    loss: FloatArray
    metrics: dict[str, FloatArray]
    failure: str | None = None

    @classmethod
    def of(cls, records: Sequence[Epoch], failure: str | None) -> Self:
        """The columns of these records."""
        columns = {
            name: np.array([record.train[name] for record in records])
            for name in (records[0].train if records else ())
        }
        return cls(columns.pop("loss", np.empty(0)), columns, failure)


def fit(
    network: Network,
    x: ArrayLike,
    t: ArrayLike,
    loss: Loss,
    optimizer: Optimizer | None = None,
    *,
    epochs: int = 10,
    batch_size: int = 32,
    schedule: Schedule | None = None,
    shuffle: bool = True,
    seed: int = 0,
    kind: Kind = "regression",
) -> History:
    """Train a network in memory on rows x (B, n) with targets t (B, m), without any file.

    Classes are one-hot rows with `kind="classes"`, or one column of 0 and 1 with "binary". The
    network's parameters change in place; after a divergence they are the last finite ones and
    `failure` says what broke. Raises ValueError for arrays that do not fit.
    """
    if batch_size < 1 or epochs < 0:
        raise ValueError("batch_size must be 1 or more, and epochs 0 or more")
    inputs, targets = pairs(network, x, t, loss)
    none = Scaling("none", np.zeros(()), np.ones(()))
    part = Part(inputs, np.arange(len(inputs)), none, targets, network.dtype)
    plan = Plan(
        loss=loss,
        optimizer=optimizer or Sgd(),
        schedule=schedule or Constant(),
        train=part,
        validation=None,
        kind=kind,
        epochs=epochs,
        batch_size=batch_size,
        seed=seed,
        shuffle=shuffle,
    )
    records = list(train_steps(plan, start(plan, network)))
    failure = next((one.what for one in records if isinstance(one, Failure)), None)
    return History.of([one for one in records if isinstance(one, Epoch)], failure)


def gradcheck(network: Network, x: ArrayLike, t: ArrayLike, loss: Loss) -> list[Checked]:
    """Compare every gradient with central differences; see `nnlab.core.gradcheck`."""
    inputs, targets = pairs(network, x, t, loss)
    return check_gradients(network, loss, inputs, targets)


def pairs(
    network: Network, x: ArrayLike, t: ArrayLike, loss: Loss
) -> tuple[FloatArray, FloatArray]:
    """Rows and encoded targets as float64 arrays.

    Raises ValueError where they are not finite, do not fit the network, or are no pairs.
    """
    inputs, targets = np.asarray(x, np.float64), np.asarray(t, np.float64)
    expected = {"inputs": (inputs, network.inputs), "targets": (targets, network.shapes[-1])}
    for name, (array, shape) in expected.items():
        if array.shape[1:] != shape or not len(array):
            raise ValueError(f"{name} must be rows of shape {shape}, not an array {array.shape}")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} hold a number that is not finite")
    if len(inputs) != len(targets):
        raise ValueError(f"{len(inputs)} rows of inputs, but {len(targets)} of targets")
    return inputs, loss.encode(targets)
