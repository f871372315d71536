"""The report of one run."""

from dataclasses import dataclass
from typing import Any

from nnlab.core import columns
from nnlab.core.metrics import label_of
from nnlab.run.folder import RunFolder, weights_file
from nnlab.show.figures import View, view
from nnlab.show.page import happened
from nnlab.show.page.again import Again, again
from nnlab.show.page.asked import Asked, asked
from nnlab.show.page.charts import Chart
from nnlab.show.page.notices import Notices
from nnlab.show.page.numbers import NOTHING, duration, text
from nnlab.show.page.page import render
from nnlab.show.page.pictures import Picture, pictures
from nnlab.show.page.replay import Replay, replay
from nnlab.show.page.tables import Table
from nnlab.status import Status

STORIES = {
    "completed": "The training came to its end",
    "early_stopped": "The training stopped early, because the watched figure no longer improved",
    "diverged": "The training diverged: a number became infinite or was none",
    "interrupted": "The training was interrupted; `nnlab resume` continues it",
    "failed": "The training failed",
    "running": "The training is still running",
    Status.RESUMABLE: "The training was killed; `nnlab resume` continues it",
}
WEIGHTS = ("initial", "best", "final")


@dataclass(frozen=True)
class Report:
    """A page, and a sentence for each thing that could not be shown."""

    html: str
    notices: tuple[str, ...]


@dataclass(frozen=True)
class RunPage:
    """What the template of one run is given."""

    title: str
    setting: str
    folder: str
    key: list[tuple[str, str]]
    notices: list[str]
    asked: Asked | None
    story: str
    charts: list[Chart]
    tables: list[Table]
    epochs: list[Table]
    epoch_count: int
    replay: Replay | None
    figures: list[Picture]
    again: Again | None

    kind: str = "Report of a run"
    command: str = "train"  # what makes the folder again from its resolved.yaml

    folder_kind = "run folder"

    @property
    def sections(self) -> list[tuple[str, str]]:
        """Anchors and names of what there is."""
        found = [("happened", "What happened")]
        if self.asked is not None:
            found.insert(0, ("asked", "What was asked"))
        if self.replay is not None or not all(one.early for one in self.figures):
            found.append(("learned", "What the network learned"))
        return [*found, ("again", "How to repeat it")] if self.again is not None else found


def of_run(run: RunFolder) -> Report:
    """The report of a run folder, in whatever state it is: what can be shown is shown.

    Raises RunUnreadable when run.json cannot be read: then nothing is known of the run.
    """
    seen, notices = view(run), Notices()
    status = run.status()
    _state(seen, status, notices)
    attempt = notices.attempt
    none: list[Table] = []
    title, setting = attempt("The setting", lambda: seen.title, (run.name, ""))
    table, count = attempt("The table of epochs", lambda: happened.epochs(seen), (none, 0))
    film = attempt("The recorded epochs", lambda: replay(seen), None)
    scenes = [view.kind for view in film.views] if film is not None else []
    page = RunPage(
        title=title,
        setting=setting,
        folder=run.name,
        key=attempt("The summary", lambda: _key(seen), []),
        asked=attempt("The config", lambda: asked(seen), None),
        story=_story(seen, status, count),
        charts=attempt("The curves", lambda: happened.charts(seen), []),
        tables=[
            *attempt("The table of figures", lambda: happened.numbers(seen), none),
            *attempt("The table of classes", lambda: happened.classes(seen), none),
            *attempt("The confusion matrix", lambda: happened.confusion(seen), none),
        ],
        epochs=table if count > 1 else [],
        epoch_count=count,
        replay=film,
        figures=attempt("The figures", lambda: pictures(seen, scenes, notices), []),
        again=attempt("How it was run", lambda: again(seen), None),
        notices=notices,
    )
    return Report(render("run.html", page), tuple(notices))


def _state(seen: View, status: str, notices: Notices) -> None:
    """What a reader must know before the figures."""
    if newer := notices.attempt("The format", lambda: seen.newer, None):
        notices.say(newer)
    epochs = notices.attempt("metrics.csv", lambda: _rows(seen), 2)
    asked_for = notices.attempt("resolved.yaml", lambda: _epochs_asked(seen), None)
    if epochs < 2 and asked_for != 0:
        notices.say(f"The run {seen.folder.name} has not finished an epoch: there are no curves.")
    if status == "diverged":
        notices.say(_divergence(seen))
    ended = status in ("completed", "early_stopped", "diverged")
    missing = [name for name in WEIGHTS if not seen.folder.has(weights_file(name))]
    if ended and missing:
        names = ", ".join(f"weights/{name}.npz" for name in missing)
        notices.say(f"The run {seen.folder.name} has lost {names}.")


def _rows(seen: View) -> int:
    return len(seen.metrics.get("epoch", ()))


def _divergence(seen: View) -> str:
    failure = seen.about.get("failure")
    failure = failure if isinstance(failure, dict) else {}
    what = str(failure.get("what", "a number")).replace("_", " ")
    return (
        f"The run diverged in epoch {text(failure.get('epoch'))}, at update "
        f"{text(failure.get('step'))}: {what} is not finite. The last finite weights are shown."
    )


def _epochs_asked(seen: View) -> Any:
    training = seen.settings.get("training")
    return training.get("epochs") if isinstance(training, dict) else None


def _story(seen: View, status: str, rows: int) -> str:
    """How it ended, in a sentence."""
    if rows == 1 and status == "completed":
        return "Nothing was trained: the network was built and evaluated with its first weights."
    epochs, wanted = max(rows - 1, 0), _epochs_asked(seen)
    count = f"{epochs:,} epoch{'s' * (epochs != 1)}"
    if isinstance(wanted, int) and epochs < wanted:
        count = f"{epochs:,} of {wanted:,} epochs"
    took = duration(seen.seconds)
    end = f", in {took}" if took != NOTHING else ""
    story = STORIES.get(status, f"The run is {status}")
    return f"{story}. {count} {'was' if epochs == 1 else 'were'} trained{end}."


def _key(seen: View) -> list[tuple[str, str]]:
    """The few numbers that a reader looks for."""
    found: list[tuple[str, Any]] = []
    final, test = (seen.summary.get(part) for part in ("final", "test"))
    part, values = columns.TEST, test
    if not isinstance(test, dict) and isinstance(final, dict):
        part = columns.watched_part(final)
        values = columns.of_part(final, part)
    if isinstance(values, dict):
        rows = columns.row_names({})[part]
        found += [(f"{rows} {label_of(name)}", value) for name, value in values.items()]
    found.append(("parameters", seen.about.get("parameters")))
    return [(name, text(value)) for name, value in found if isinstance(value, int | float)]
