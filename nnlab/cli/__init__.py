"""The command line: every command opens something, calls one library function and formats.

    group      commands that are imported when they are asked for
    failures   the one place where an error becomes a message and an exit code
    options    arguments and options that several commands share
    terminal   what is written to stdout and stderr, and nothing raw
    table      rows of text and numbers in aligned columns
    progress   a bar on a terminal, a line now and then elsewhere

and one module a command, named as the command. Nothing at the top of any of them imports NumPy:
`nnlab --help` answers at once, and `nnlab train --threads` is still in time for the BLAS.
"""

import click

from nnlab import __version__
from nnlab.cli.group import Commands
from nnlab.cli.options import verbosity

NAMES = (
    "train",
    "resume",
    "sweep",
    "tune",
    "check",
    "gradcheck",
    "verify",
    "evaluate",
    "predict",
    "runs",
    "compare",
    "plot",
    "report",
    "descend",
    "data",
    "init",
)


@click.command(cls=Commands, names=NAMES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="nnlab", message="%(prog)s %(version)s")
@verbosity
def main() -> None:
    """Train neural networks small enough to understand.

    A YAML file describes an experiment. `nnlab train` trains it and writes a folder with the
    settings, the metrics of every epoch, the weights and the figures.

    \b
    nnlab init                  list the shipped experiments
    nnlab train identity8       train one of them
    nnlab train my.yaml --set lr=0.05
    nnlab report latest         make a web page about it
    nnlab runs                  list all runs
    nnlab resume latest         continue a stopped run
    nnlab sweep lr              train with several values

    CONFIG is a YAML file or the name of a shipped config. RUN is a run's folder, its name, the
    beginning of its name, or `latest`. Results go to stdout, everything else to stderr.

    Exit codes: 0 done, 1 a bug, 2 usage or config, 3 data, 4 diverged, 5 run locked, 6 run
    unreadable, 7 input/output, 8 sweep partly failed, 9 a check failed, 130 and 143 interrupted
    after saving.

    \b
    Completion with the tab key in bash (or zsh, fish):
    eval "$(_NNLAB_COMPLETE=bash_source nnlab)"
    """
