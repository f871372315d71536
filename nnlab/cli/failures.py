"""Every error of every command ends here: as a message on stderr and an exit code."""

import os
import sys
import traceback
from collections.abc import Callable

import click

from nnlab.cli.terminal import close, complain, prepare
from nnlab.errors import NnlabError
from nnlab.experiment.signals import Terminated, ending

REPORT = "This is a bug in nnlab. Please report it, with the lines above and `nnlab --version`."
BUG, STORAGE, INTERRUPTED, TERMINATED = 1, 7, 130, 143


def exit_code(action: Callable[[], object]) -> int:
    """Run `action`; its exit code, after the message for whatever it raised was shown."""
    prepare()
    try:
        with ending():
            found = action()
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read has seen enough
        close(sys.stdout)
        return 0
    except Terminated:
        complain("Terminated.")
        return TERMINATED
    except (click.Abort, KeyboardInterrupt):
        complain("Interrupted.")
        return INTERRUPTED
    except click.ClickException as error:
        complain(usage(error))
        return error.exit_code
    except NnlabError as error:
        complain(str(error))
        return error.exit_code
    except OSError as error:
        where = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
        complain(f"{where}{error.strerror or error}.")
        return STORAGE
    except MemoryError as error:
        complain(f"There is not enough memory. {error}".rstrip())
        return STORAGE
    except Exception:
        complain(f"{traceback.format_exc()}{REPORT}")
        return BUG
    return found if isinstance(found, int) else 0


def usage(error: click.ClickException) -> str:
    """What click would print: how the command is used, where help is, and what is wrong."""
    message = error.format_message()
    context = getattr(error, "ctx", None)
    if context is None or message == context.get_help():  # a group without a command
        return message
    hint = f"Try '{context.command_path} --help' for help."
    return f"{context.get_usage()}\n{hint}\n\nError: {message}"
