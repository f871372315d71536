"""What a run shows of its network while it trains: some training rows, and its weights so far."""

from contextlib import suppress
from time import perf_counter

import numpy as np

from nnlab.build import Built
from nnlab.errors import StorageError
from nnlab.experiment.state import NUMBERS_IN_SNAPSHOTS, Snapshots
from nnlab.run.folder import PROGRESS, ROWS, RunFolder
from nnlab.training import State

SHARE = 0.01  # of the time of training that this may take
MOST_ROWS, MOST_NUMBERS = 400, 200_000  # of the training part, and in these rows


class Progress:
    """Writes rows.npz once, and progress.npz now and then; neither is needed to continue a run.

    Both are written without a sync, are left out for large networks, and go when the run ends. A
    write that is refused stops no training: the page then shows an older moment.
    """

    def __init__(self, built: Built, folder: RunFolder) -> None:
        self.built, self.folder = built, folder
        self._suits = built.network.values.size <= NUMBERS_IN_SNAPSHOTS
        self._has_rows = False
        self._due = 0.0

    def write(self, snapshots: Snapshots, state: State) -> None:
        """Writes the snapshots and the weights of now, unless the last time was just now."""
        began = perf_counter()
        if began < self._due or not self._suits or state.batch:
            return
        shown = Snapshots(snapshots.network, 0)
        shown.epochs, shown.values = [*snapshots.epochs], [*snapshots.values]
        if state.epoch not in shown.epochs:
            shown.add(state.epoch, state.weights)
        with suppress(StorageError):
            if not self._has_rows:
                self._write_rows()
                self._has_rows = True
            self.folder.write_arrays(PROGRESS, shown.arrays(), sync=False)
        took = perf_counter() - began
        self._due = began + took / SHARE

    def remove(self) -> None:
        """Removes both files: a run that has ended has better ones. May raise StorageError."""
        for name in (PROGRESS, ROWS):
            self.folder.remove(name)

    def _write_rows(self) -> None:
        dataset, rows = self.built.dataset, self.built.parts.train
        most = min(MOST_ROWS, max(1, MOST_NUMBERS // max(dataset.inputs[0].size, 1)), len(rows))
        chosen = rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]
        shown = {"inputs": dataset.inputs[chosen], "targets": dataset.targets[chosen]}
        self.folder.write_arrays(ROWS, shown, sync=False)
