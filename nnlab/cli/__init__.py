"""The command line: one module per command, and what they share.

    group            the group of commands; errors become exit codes here
    usage_hints      what to write instead of a wrong option or argument
    options          arguments and options of several commands
    terminal         output on stdout and stderr
    tables           rows of text and numbers in aligned columns or as CSV
    progress         a training or a sweep while it runs
    provide          downloads and compilation before a training
    training_output  the setup and the results of a training
    conditions       the conditions of `nnlab runs --where`

No module imports NumPy at its top: `nnlab --help` is fast, and `nnlab train --threads` can set the
threads of the BLAS before NumPy is imported. progress, provide, training_output and conditions are
imported when a command runs.
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
