"""Data sets that are fetched when they are first needed, with a line for each file."""

from nnlab.cli.terminal import say
from nnlab.config.families import SOURCE
from nnlab.config.schema import Config
from nnlab.data.download import fetch_files, file_states
from nnlab.data.images import COLLECTIONS


def provide(config: Config) -> None:
    """Download what the config's data set lacks, saying so; the others lack nothing."""
    collection = COLLECTIONS.get(SOURCE.name_of(config.data.source))
    if collection is None or all(one.state != "missing" for one in file_states(collection)):
        return
    fetch_files(collection, report=say)
