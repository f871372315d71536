"""What `train --live`, `resume --live` and `watch` say about their page, and their last look."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from nnlab.cli.terminal import print_error, print_message
from nnlab.errors import Diverged, UsageError

if TYPE_CHECKING:
    from nnlab.experiment.session import Session
    from nnlab.live.beside import PageBeside

F = TypeVar("F", bound=Callable[..., Any])
FLUSH_SECONDS = 0.25  # between two looks of a page at the tables

port_option = click.option(
    "--port",
    type=click.IntRange(1, 65535),
    metavar="N",
    show_default="a free one",
    help="The port of the page.",
)
open_option = click.option(
    "--open/--no-open",
    "show",
    default=True,
    show_default=True,
    help="Show the page in the browser.",
)


@contextmanager
def until_interrupted(message: str = "Ctrl+C ends it.") -> Iterator[None]:
    """Ctrl+C ends what is inside the `with`, as the message says: that is no failure."""
    print_message(message)
    with suppress(KeyboardInterrupt):
        yield


def has_terminal() -> bool:
    """Whether somebody may press Ctrl+C."""
    return any(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


def live_options(function: F) -> F:
    """--live, --port and --open."""
    live = click.option(
        "--live",
        is_flag=True,
        help="Follow the training in the browser. The page stays after its end until Ctrl+C; "
        "without a terminal it ends with the training.",
    )
    return live(port_option(open_option(function)))


def announce_page(address: str, show: bool) -> None:
    """Print the address of a page, and open it in a browser if there is one."""
    print_message(f"The page: {address}")
    if show and not _opened(address):
        print_message("No browser could be opened: open this address yourself.")


def _opened(address: str) -> bool:
    """Whether a browser with a window was started; one in the terminal would take the terminal."""
    import webbrowser

    with suppress(webbrowser.Error, OSError):
        browser = webbrowser.get()
        in_terminal = type(browser) is webbrowser.GenericBrowser
        return not in_terminal and bool(browser.open(address))
    return False


@contextmanager
def page_if(live: bool, port: int | None) -> Iterator["PageBeside | None"]:
    """A port for a live page inside the `with`, if one is wanted. Raises UsageError."""
    if not live:
        if port is not None:
            raise UsageError("--port is for the page: add --live.")
        yield None
        return
    from nnlab.live.beside import PageBeside

    with PageBeside(port) as page:
        yield page


def start_page(page: "PageBeside | None", session: "Session", show: bool) -> None:
    """Show the page of a run that begins, if one is wanted."""
    if page is not None:
        session.flush_seconds = FLUSH_SECONDS
        page.start(Path(session.folder.path))
        announce_page(page.address, show)


@contextmanager
def last_look(page: "PageBeside | None") -> Iterator[None]:
    """After the `with`, waits for Ctrl+C, also where the run diverged.

    For nothing without a page, nor without a terminal, as in a cron job. Raises Exit with the exit
    code of a divergence, whose message is then printed before.
    """
    code = 0
    try:
        yield
    except Diverged as error:
        if page is None:
            raise
        print_error(str(error))
        code = error.exit_code
    if page is not None and has_terminal():
        with until_interrupted(f"For a last look: {page.address}  Ctrl+C ends it."):
            page.wait()
    elif page is not None:
        print_message(
            "The page ends with the training: there is no terminal in which to press Ctrl+C."
        )
    if code:
        raise click.exceptions.Exit(code)
