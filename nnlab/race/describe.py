"""The part of docs/config.md about races, written from the dataclasses themselves."""

from nnlab.config.describe import family_section, record_section, settings_table
from nnlab.race.config import LANDSCAPE, Race, Runner

INTRO = """\
# The configuration of a race

`nnlab descend` runs a race of optimizers on a function of two numbers. Its config has other keys at
the top, and the same words for optimizers and schedules as above. An entry of `runs` may be an
optimizer alone: `[{sgd: 0.1}, adam]`. In `--set`, `lr`, `momentum` and `steps` change all runs, as
does `*` in a path (`runs.*.start`); `runs.0.steps` changes the first.
"""


def race_reference() -> str:
    """The part as Markdown."""
    lines = [
        INTRO,
        *settings_table(Race),
        *record_section("## runs: the runs of a race", Runner),
        *family_section("function", LANDSCAPE),
    ]
    return "\n".join(lines).rstrip() + "\n"
