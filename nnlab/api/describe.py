"""A CSV file described, and a config proposed for it."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnlab.config.dump import to_yaml
from nnlab.config.files import name_from_stem
from nnlab.config.load import load_config
from nnlab.data.profile import TableProfile, profile_csv
from nnlab.data.user_csv import Csv
from nnlab.show.text_tables import format_records
from nnlab.show.words import count, shorten

SHOWN = ("column", "kind", "missing", "distinct", "values", "use")
LONGEST = 30  # characters of values
TEST = 0.2  # the share of the test part
ENOUGH = 50  # rows for a validation part beside the test part


@dataclass(frozen=True)
class DescribedTable:
    """The profile of a file, and the config that trains on it."""

    path: Path
    profile: TableProfile
    config: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """The object that --json prints."""
        form, columns = self.profile.form, self.profile.columns
        return {
            "file": str(self.path),
            "rows": self.profile.rows,
            "header": form.header,
            "delimiter": form.delimiter,
            "encoding": form.encoding,
            "decimal": form.notation.decimal,
            "thousands": form.notation.thousands,
            "columns": [column.facts for column in columns],
            "config": self.config,
        }

    @property
    def yaml(self) -> str:
        """The config as a file."""
        return to_yaml(self.config)

    @property
    def text(self) -> str:
        """Rows, columns, and what is odd about them."""
        rows = []
        for column in self.profile.columns:
            facts = column.facts | {"column": column.name or f"(number {column.number})"}
            facts["values"] = shorten(column.reading.values, LONGEST)
            rows.append({key: facts[key] for key in SHOWN})
        notes = [
            f"{column.name or f'(number {column.number})'}: {column.reading.note}"
            for column in self.profile.columns
            if column.reading.note
        ]
        sizes = f"{count(self.profile.rows, 'row')}, {count(len(rows), 'column')}"
        return "\n\n".join(
            [f"{self.path}: {sizes}", format_records(rows), "\n".join(notes)]
        ).rstrip()


def describe_table(path: Path, target: str | None = None, folder: Path = Path()) -> DescribedTable:
    """Describe a CSV file and propose a config, which is checked.

    folder: of the config, at which the path of the file begins. Raises DataError, StorageError.
    """
    profile = profile_csv(path, target)
    absolute = profile.settings | {"path": str(path.resolve())}
    shown = Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
    outputs, is_classes = _outputs(absolute)
    few = profile.rows < ENOUGH
    data = profile.settings | {"path": shown, "test": TEST}
    data |= {} if few else {"validation": 0.2}
    data |= {} if is_classes else {"scale_target": "standardize"}
    if is_classes and profile.rows >= outputs / TEST:  # enough for a test row of each class
        data |= {"stratify": True}
    network: list[Any] = [{"dense": 16}, "relu", {"dense": outputs}]
    config = {
        "name": name_from_stem(path.name.partition(".")[0]),
        "data": data | {"scale": "standardize"},
        "network": [*network, "softmax"] if is_classes else network,
        "loss": "cross_entropy" if is_classes else "mse",
        "optimizer": {"name": "adam", "lr": 0.01},
        "training": {"epochs": 100} if few else {"epochs": 100, "early_stopping": {"patience": 20}},
    }
    load_config({**config, "data": data | {"scale": "standardize", "path": absolute["path"]}}, ())
    return DescribedTable(path, profile, config)


def _outputs(data: dict[str, Any]) -> tuple[int, bool]:
    """The width of the network's output, and whether the targets are classes."""
    settings: dict[str, Any] = {
        key: tuple(v) if isinstance(v, list) else v for key, v in data.items()
    }
    del settings["name"]
    signature = Csv(**settings).signature(0)
    return signature.outputs, signature.task == "classes"
