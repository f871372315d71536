"""Files that become durable together: a few waits for the disk instead of two per file.

    with batch() as files:
        files.write(folder / "weights.npz", data)
        files.write(folder / "run.json", text)

Each file is written under a temporary name. At the end of the `with`, all are synced and renamed
in the order of the calls, the last one after the folders of the others are synced. So a power cut
or SIGKILL leaves each file absent, old or new, whole; and whoever finds the new last file finds
all others too. An exception inside the `with` leaves all files as they were.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from nnlab.run import durable, guard


class Batch:
    """The files of one `batch`."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack  # removes the temporary files after an exception
        self._staged: list[tuple[Path, Path, Path | None]] = []
        self._changed: list[Path] = []

    def write(self, path: Path, data: bytes | memoryview, keep: Path | None = None) -> None:
        """Writes `data` to `path`; the file that is there gets the name `keep`, if given."""
        guard.refuse_odd(path)
        temporary = self._stack.enter_context(durable.staged(path, data, sync=False))
        self._staged.append((temporary, path, keep))

    def sync(self, path: Path) -> None:
        """Syncs a file that was written before, if it exists, ahead of all renames."""
        self._changed.append(path)

    def commit(self, sync: bool) -> None:
        """Syncs, renames, and syncs the folders; at least one file was written."""
        if not sync:
            for staged in self._staged:
                _rename(*staged)
            return
        new = {path: file for file, path, _ in self._staged}
        changed = {path: path for path in self._changed if path not in new}
        durable.sync_files(changed | {file: path for path, file in new.items()})
        *others, last = self._staged
        for staged in others:
            _rename(*staged)
        folders = {path.parent for path in self._changed} - {last[1].parent}
        for folder in sorted(folders | {path.parent for _, path, _ in others}):
            durable.sync_folder(folder)
        _rename(*last)
        durable.sync_folder(last[1].parent)


@contextmanager
def batch(sync: bool = True) -> Iterator[Batch]:
    """See the module; raises as `durable.write_file`.

    Without `sync` this is atomic against a kill, but not against a power cut.
    """
    with ExitStack() as stack:
        files = Batch(stack)
        yield files
        files.commit(sync)


def _rename(temporary: Path, path: Path, keep: Path | None) -> None:
    if keep is not None and path.exists():
        durable.replace(path, keep)
    durable.replace(temporary, path)
