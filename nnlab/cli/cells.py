"""What a sweep found, in words: a row a cell, and under it the trials that have no result."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from nnlab.cli.table import Cell, column, table
from nnlab.run.sweeps import places
from nnlab.show.words import axis_value, cell_name

if TYPE_CHECKING:
    from nnlab.run.sweeps import SweepFolder, TrialRecord
    from nnlab.study.table import Row

Axes = Sequence[Mapping[str, Any]]


def text(records: "Sequence[TrialRecord]", axes: Axes) -> str:
    """Both tables."""
    from nnlab.study.table import rows

    parts = [cells(rows(records, axes), [str(axis["key"]) for axis in axes])]
    lost = [record for record in records if not record.done]
    lost.sort(key=lambda record: (*places(record.cell, axes), record.seed or 0))
    if lost:
        parts.append(losses(lost))
    return "\n\n".join(parts)


def cells(rows: "Sequence[Row]", keys: Sequence[str]) -> str:
    """The table of the cells: medians, and where there are several seeds the quartiles."""
    names = list(dict.fromkeys(name for row in rows for name in row.numbers))
    repeated = any(row.trials > 1 for row in rows)
    header = [*keys, *(["trials"] if repeated else []), *(["failed"] if lost(rows) else [])]
    columns: list[list[Cell]] = [[axis_value(row.cell.get(key)) for row in rows] for key in keys]
    columns += [[row.trials for row in rows]] if repeated else []
    columns += [[row.failed for row in rows]] if lost(rows) else []
    for name in names:
        spreads = [row.numbers.get(name) for row in rows]
        if not repeated:
            header.append(name)
            columns.append([None if one is None else one.median for one in spreads])
            continue
        header += [f"{name} (median)", "quartiles"]
        known = [one for one in spreads if one is not None]
        shown = iter(
            column([number for one in known for number in (one.median, one.low, one.high)])
        )
        pairs = [
            ("-", "-") if one is None else (next(shown), f"{next(shown)} to {next(shown)}")
            for one in spreads
        ]
        columns += [[pair[0] for pair in pairs], [pair[1] for pair in pairs]]
    return table(header, [list(row) for row in zip(*columns, strict=True)])


def lost(rows: "Sequence[Row]") -> bool:
    """Whether a trial has no result."""
    return any(row.failed for row in rows)


def losses(records: "Sequence[TrialRecord]", most: int = 50) -> str:
    """The table of the trials without a result, with the reasons."""
    rows: list[list[Cell]] = [
        [one.name, cell_name(one.cell), one.seed, one.status, (one.reason or "").split("\n")[0]]
        for one in records[:most]
    ]
    more = f"\nand {len(records) - most:,} more" if len(records) > most else ""
    return table(["trial", "cell", "seed", "status", "reason"], rows) + more


def as_mapping(
    folder: "SweepFolder", records: "Sequence[TrialRecord]", axes: Axes, figures: Sequence[str]
) -> dict[str, Any]:
    """What `--json` prints."""
    from nnlab.study.table import rows

    return {
        "folder": str(folder.path),
        "axes": list(axes),
        "cells": [asdict(row) for row in rows(records, axes)],
        "trials": [{**asdict(one), "done": one.done} for one in records],
        "figures": list(figures),
    }
