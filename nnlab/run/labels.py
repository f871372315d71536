"""Tags and a note on a run, another name for it, and its removal.

No training reads or writes labels.json, and `verify` and `grade` do not compare it.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from nnlab.errors import RunLocked, RunUnreadable, UsageError
from nnlab.run import durable, guard, names
from nnlab.run.folder import LABELS, RunFolder, is_known_file
from nnlab.run.text import shown
from nnlab.show.words import first_few
from nnlab.status import Status
from nnlab.suggest import did_you_mean

LONGEST_TAG, LONGEST_NOTE = 50, 1000  # characters
SEPARATOR = ", "  # of tags in a text


@dataclass(frozen=True)
class Labels:
    """What a user wrote on a run."""

    tags: tuple[str, ...] = ()
    note: str = ""

    @property
    def lines(self) -> list[str]:
        """The tags and the note, a line each."""
        return list(filter(None, [SEPARATOR.join(self.tags), self.note]))


def read_labels(folder: RunFolder) -> Labels:
    """The labels of a run; what is no text is left out. Raises RunUnreadable, StorageError."""
    content = folder.read_json(LABELS) if folder.has(LABELS) else {}
    tags, note = content.get("tags"), content.get("note")
    texts = [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
    return Labels(tuple(texts), note if isinstance(note, str) else "")


def change_labels(
    folder: RunFolder, tags: Sequence[str] = (), remove: bool = False, note: str | None = None
) -> Labels:
    """Adds or removes tags, and writes a note in place of an older one; the labels then.

    Raises UsageError for a text that is no tag, and to remove a tag that the run does not have.
    """
    tags = list(map(_as_tag, tags))
    if len(note or "") > LONGEST_NOTE:
        raise UsageError(f"The note is longer than {LONGEST_NOTE:,} characters.")
    with _only_writer(folder):
        old = read_labels(folder)
        if remove and (unknown := [tag for tag in tags if tag not in old.tags]):
            hint = did_you_mean(unknown[0], old.tags)
            raise UsageError(f"{shown(folder.name)} has no tag '{unknown[0]}'.{hint}")
        kept = [tag for tag in old.tags if tag not in tags]
        note = old.note if note is None else " ".join(note.split())
        new = Labels(tuple(kept if remove else dict.fromkeys([*old.tags, *tags])), note)
        folder.write_json(LABELS, asdict(new))
    return new


def _as_tag(word: str) -> str:
    """The word as a tag; the same letters always are the same tag. Raises UsageError."""
    tag = unicodedata.normalize("NFC", word)
    usable = tag.isprintable() and not any(char in SEPARATOR for char in tag)
    if not usable or not 0 < len(tag) <= LONGEST_TAG or tag[0] == "-":
        raise UsageError(
            f"'{shown(tag)[:LONGEST_TAG]}' is no tag: a tag is a word of at most {LONGEST_TAG} "
            "characters without blanks and commas, and does not begin with '-'."
        )
    return tag


@contextmanager
def _only_writer(folder: RunFolder) -> Iterator[None]:
    """The lock of the run, unless a training holds it, which writes no labels."""
    with ExitStack() as stack:
        try:
            stack.enter_context(folder.lock())
        except RunLocked:
            if folder.status() is not Status.RUNNING:
                raise
        yield


def rename_run(folder: RunFolder, name: str) -> Path:
    """Gives a run another name between the date and the digits of its folder's name.

    `names.present` finds the folder by its older names. Raises UsageError for a trial, and for a
    folder that nnlab did not name, RunLocked, RunUnreadable.
    """
    path = _unused(folder)
    target = path.with_name(names.other_name(path.name, name))
    if guard.status_of(target) is not None:
        raise UsageError(f"{shown(target)} exists already.")
    durable.replace(path, target)
    durable.sync_folder(target.parent)
    # Relative where the user named it so; `.` has no name to change.
    return folder.path.with_name(target.name) if folder.path.name == path.name else target


def removable(folder: RunFolder) -> Path:
    """The path of a run that can be removed.

    Raises RunUnreadable for a link and for a folder that holds what no run has, UsageError for the
    current folder, RunLocked.
    """
    path = _unused(folder)
    if strangers := sorted(n for n in guard.names_in(path) if not is_known_file(n)):
        listed = first_few(list(map(shown, strangers)), 3)
        raise RunUnreadable(f"{shown(path)} holds {listed}, which no run has: move it away first.")
    if Path.cwd().resolve().is_relative_to(path):
        raise UsageError(f"{shown(path)} is the current folder: leave it first.")
    return path


def remove_run(path: Path) -> None:
    """Removes a run that is `removable`, whole or not at all; enters no link."""
    durable.remove_folder(path)
    durable.sync_folder(path.parent)


def _unused(folder: RunFolder) -> Path:
    """The real path of a run into which no process writes."""
    if folder.path.is_symlink():
        raise RunUnreadable(f"{shown(folder.path)} is a link: name the folder itself.")
    path = RunFolder.open(folder.path).path.resolve()
    with RunFolder(path).lock():  # released again: Windows moves no folder with an open file
        return path
