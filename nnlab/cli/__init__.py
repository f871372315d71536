"""The command line: one module per command, and what they share.

    group            the group of commands; errors become exit codes here
    usage_hints      what to write instead of a wrong option or argument
    options          arguments and options of several commands
    terminal         output on stdout and stderr
    progress         a training or a sweep while it runs
    live_page        the page of `--live` and `watch`
    training_output  the setup and the results of a training

`nnlab --help` imports no command and no NumPy, so it is fast. A command is imported when it
is used, after the group has set the threads of the BLAS.
"""

import click

from nnlab import __version__
from nnlab.cli.group import Commands

COMMANDS = {  # and the first line of the help of each
    "train": "Train the network of CONFIG.",
    "resume": "Continue a run that was stopped.",
    "sweep": "Train CONFIG once per value of an AXIS.",
    "tune": "Search for good settings with Optuna.",
    "play": "Play with a network in the browser.",
    "check": "Check CONFIG and show what it means.",
    "lr": "Look for a good learning rate in a few updates.",
    "gradcheck": "Check all gradients numerically.",
    "crosscheck": "Train CONFIG in another library too, and compare.",
    "doctor": "Say why a network does not learn.",
    "explain": "Follow a row through the network and back.",
    "verify": "Train a run again and compare the bits.",
    "evaluate": "Measure a trained network on data.",
    "predict": "Compute a network's outputs for new rows.",
    "export": "Write a run for another tool.",
    "runs": "List the runs in DIR, newest first.",
    "compare": "Show how runs differ.",
    "plot": "Draw the figures of one or more runs.",
    "report": "Write an HTML page about runs or a sweep.",
    "handin": "Pack a run and its report into one file.",
    "grade": "Train the hand-ins of a class again, and compare.",
    "watch": "Follow a run or a sweep in the browser.",
    "descend": "Let optimizers race on a function.",
    "data": "Download the image data sets, and describe a CSV file.",
    "init": "Copy a shipped config, to change it.",
    "schema": "Print the JSON schema of a config.",
    "help": "Show the help of COMMAND, or all commands.",
}


@click.command(
    cls=Commands, summaries=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, prog_name="nnlab", message="%(prog)s %(version)s")
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

    CONFIG is a YAML file, - for stdin, or the name of a shipped config. RUN is a run's folder, its
    name, the beginning of its name, or `latest`. Results go to stdout, everything else to stderr.

    Exit codes: 0 done, 1 a bug, 2 usage or config, 3 data, 4 diverged, 5 run locked, 6 run
    unreadable, 7 input/output, 8 sweep partly failed, 9 a check failed, 130 and 143 interrupted
    after saving.

    Environment: NNLAB_RUNS, the folder of the runs; NNLAB_DATA_DIR, that of downloaded data.

    \b
    Completion with the tab key in bash (or zsh, fish):
    eval "$(_NNLAB_COMPLETE=bash_source nnlab)"
    """
