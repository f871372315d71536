"""The part of docs/config.md about races, written from the dataclasses themselves."""

from nnlab.config.describe import family_section, paragraphs_of, rows_of, settings_table, told
from nnlab.race.config import LANDSCAPE, MOST_RUNS, Race, Runner

INTRO = """\
# The configuration of a race

`nnlab descend` runs a race of optimizers on a function of two numbers. Its config has other keys at
the top, and the same words for optimizers and schedules as above. An entry of `runs` may be an
optimizer alone: `[{sgd: 0.1}, adam]`. In `--set`, `lr`, `momentum` and `steps` change all runs;
`runs.0.steps` changes the first.
"""
RACE = {
    "name": ("a text", "the file's stem"),
    "function": ("a function, see below", "required"),
    "start": ("two numbers, [x, y]", "the function's own"),
    "runs": (f"a list of 1 to {MOST_RUNS}", "required"),
}
RUNNER = {
    "name": ("a text (1 to 60 characters)", "its optimizer and schedule in words"),
    "optimizer": ("an optimizer, see above", "sgd"),
    "schedule": ("a schedule, see above", "constant"),
    "start": ("two numbers, [x, y], or null", "null"),
}


def race_reference() -> str:
    """The part as Markdown."""
    lines = [
        INTRO,
        *settings_table(RACE, told(Race)[1]),
        "\n## runs: the runs of a race\n",
        *paragraphs_of(Runner),
        *settings_table({**rows_of(Runner), **RUNNER}, told(Runner)[1]),
        *family_section("function: landscapes", LANDSCAPE),
    ]
    return "\n".join(lines).rstrip() + "\n"
