"""A training as the user sees it: what it is, how it goes, what came out; for train and resume."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from nnlab.cli.terminal import NORMAL, VERBOSE, say, tell, tell_json

if TYPE_CHECKING:
    from nnlab.experiment.session import Session
    from nnlab.run.folder import RunFolder
    from nnlab.show.figures import Drawn


def follow(session: "Session") -> None:
    """Train to the end."""
    from nnlab.cli import results
    from nnlab.cli.progress import watch

    say(results.title(session.built))
    if wait := results.compiling(session.built):
        say(wait)
    if busy := results.crowded(session.built, session.environment.get("BLAS threads", "")):
        say(busy)
    for note in session.notes:
        say(note)
    warned = len(session.warnings)
    warn(session.warnings)
    with watch(session) as see:
        for record in session:
            see(record)
    warn(session.warnings[warned:])


def warn(sentences: Iterable[str]) -> None:
    """What is suspicious, a line each."""
    for sentence in sentences:
        say(f"Warning: {sentence}")


def conclude(session: "Session", plots: bool, as_json: bool) -> None:
    """Figures and results; Diverged if it did."""
    from nnlab.cli import results

    if plots:
        draw(session.folder)
    if as_json:
        tell_json(results.as_mapping(session))
    else:
        tell(results.text(session))
    results.raise_if_diverged(session)


def draw(folder: "RunFolder") -> None:
    """The run's figures; what fails is a warning and nothing more."""
    from nnlab.show.figures import draw_all

    say_drawn(draw_all(folder))


def say_drawn(drawn: "Drawn") -> None:
    """Warnings on stderr, and with --verbose the paths of the figures."""
    for warning in drawn.warnings:
        say(f"Warning: {warning}", NORMAL)
    for path in drawn.paths:
        say(str(path), VERBOSE)
