"""Messy CSV files: what nnlab says, what `nnlab data describe` proposes, and how good that is.

`make tables` writes docs/tables.md. All files hold one clean table, each with one kind of mess.
"""

import csv
import gzip
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import nnlab
from benchmarks.commands import ROOT
from nnlab.api.describe import DescribedTable, describe_table
from nnlab.build import build
from nnlab.config.dump import flow
from nnlab.config.load import load_config
from nnlab.errors import NnlabError

PAGE = ROOT / "docs" / "tables.md"
ROWS = 300
HEADER = ["width", "height", "colour", "answer"]
TEXT = """# Messy tables

Each file holds the same table of {rows} rows (two numbers, a colour, a class), with one kind of
mess. "nnlab says" is the answer to a config with path, target and `categorical: [colour]` alone;
"describe adds" is what `nnlab data describe --target answer` proposes beside path and target; then
comes the accuracy of that config on its own test rows (seed 0), where a row counts 0.017.
scikit-learn's `MLPClassifier` with 16 units reaches {peer:.3f} on the clean table with the same
parts. `make tables` measures again.

| file | nnlab says | describe adds | accuracy |
| --- | --- | --- | --- |
{lines}
"""
Rows = list[list[str]]


def clean() -> Rows:
    """The rows of the clean table, without a header."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(ROWS, 2)) * (3.0, 40.0) + (10.0, 1500.0)
    colours = draw.choice(["red", "green", "blue"], ROWS)
    score = (x[:, 0] - 10) / 3 - (x[:, 1] - 1500) / 40 + (colours == "red") * 1.5 - 0.5
    noisy = score + draw.normal(size=ROWS) * 0.4 > 0
    pairs = zip(x, colours, noisy, strict=True)
    return [[f"{a:.3f}", f"{b:.2f}", c, "yes" if y else "no"] for (a, b), c, y in pairs]


def written(rows: Rows, header: Sequence[str] | None = HEADER, delimiter: str = ",") -> str:
    """The text of a CSV file."""
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=delimiter, lineterminator="\n")
    writer.writerows(rows if header is None else [list(header), *rows])
    return stream.getvalue()


def column(name: str, value: Callable[[int], str]) -> str:
    """The clean table with a further column in front."""
    rows = [[value(i), *row] for i, row in enumerate(clean())]
    return written(rows, [name, *HEADER])


def changed(place: int, change: Callable[[int, str], str], **options: Any) -> str:
    """The clean table with the cells of a column changed."""
    rows = clean()
    for i, row in enumerate(rows):
        row[place] = change(i, row[place])
    return written(rows, **options)


def decimal_commas() -> str:
    """Semicolons and decimal commas."""
    rows = [[cell.replace(".", ",") for cell in row] for row in clean()]
    return written(rows, delimiter=";")


def thousands(text: str) -> str:
    """1,523.40 for 1523.40."""
    return f"{float(text):,.2f}"


def some(every: int, word: str) -> Callable[[int, str], str]:
    """Puts a word in the place of some cells."""
    return lambda i, cell: word if i % every == 3 else cell


def labels_in_two_ways(i: int, cell: str) -> str:
    """Yes beside yes."""
    return cell.title() if i % 10 == 0 else cell


# Each file: its name, and its bytes or text.
FILES: dict[str, Callable[[], str | bytes]] = {
    "clean": lambda: written(clean()),
    "semicolons and decimal commas": decimal_commas,
    "tabs": lambda: written(clean(), delimiter="\t"),
    "bars": lambda: written(clean(), delimiter="|"),
    "blanks": lambda: written(clean(), delimiter=" "),
    "no header": lambda: written(clean(), None),
    "index of pandas": lambda: column("", str),
    "id column": lambda: column("customer_id", lambda i: str(1000 + 7 * i)),
    "constant column": lambda: column("country", lambda i: "NL"),
    "empty column": lambda: column("remarks", lambda i: ""),
    "dates": lambda: column("day", lambda i: f"2024-{1 + i % 12:02}-{1 + i % 28:02}"),
    "money": lambda: column("price", lambda i: f"€ {i % 17}.50"),
    "per cent": lambda: column("share", lambda i: f"{i % 23} %"),
    "true and false": lambda: column("member", lambda i: str(i % 3 == 0)),
    "names of persons": lambda: column("person", lambda i: f"Person {i * 7919 % 997}"),
    "empty cells": lambda: changed(0, some(9, "")),
    "words for missing cells": lambda: changed(0, some(9, "not measured")),
    "-999 for missing cells": lambda: changed(0, some(9, "-999")),
    "empty categories": lambda: changed(2, some(9, "")),
    "empty targets": lambda: changed(3, some(9, "")),
    "labels in two ways": lambda: changed(3, labels_in_two_ways),
    "separators of thousands": lambda: changed(1, lambda i, cell: thousands(cell)),
    "byte order mark": lambda: written(clean()).encode("utf-8-sig"),
    "Windows-1252": lambda: written(clean(), ["größe", *HEADER[1:]]).encode("cp1252"),
    "UTF-16": lambda: written(clean()).encode("utf-16"),
    "gzip": lambda: gzip.compress(written(clean()).encode(), mtime=0),
    "line breaks in cells": lambda: column("note", lambda i: f'first "{i % 5}"\nsecond'),
    "the same name twice": lambda: written([[r[0], *r] for r in clean()], ["width", *HEADER]),
    "trailing delimiter": lambda: written([[*r, ""] for r in clean()], [*HEADER, ""]),
}


def write(name: str, folder: Path) -> Path:
    """The file of this name."""
    path = folder / f"{name.replace(' ', '_')}.csv{'.gz' if name == 'gzip' else ''}"
    content = FILES[name]()
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def target(name: str) -> str:
    """The target column, as --target takes it."""
    return "3" if name == "no header" else "answer"


def plain_answer(path: Path, name: str) -> str:
    """What nnlab says to a config with path, target and the category alone."""
    place = (3, 2) if name == "no header" else ("answer", "colour")
    data: dict[str, Any] = {"name": "csv", "path": str(path), "target": place[0]}
    data["categorical"] = [place[1]]
    config = {"data": data, "network": [{"dense": 2}, "softmax"], "loss": "cross_entropy"}
    try:
        warnings = build(load_config(config, ()).config).warnings
    except NnlabError as error:
        return str(error).replace(f"{path}", "FILE").splitlines()[0]
    return f"warning: {warnings[0]}" if warnings else "nothing"


def accuracy(described: DescribedTable, folder: Path) -> float:
    """The accuracy of the proposed config on its test rows."""
    data = described.config["data"] | {"path": str(described.path)}
    config = described.config | {"data": data}
    run = nnlab.train(config, runs=folder, plots=False, progress=False)
    return float(run.results["test"]["accuracy"])


def peer_accuracy(described: DescribedTable) -> float:
    """The accuracy of scikit-learn's network, trained and tested on the rows of nnlab's parts."""
    from sklearn.neural_network import MLPClassifier

    data = described.config["data"] | {"path": str(described.path)}
    built = build(load_config(described.config | {"data": data}, ()).config)
    x = built.scaling.apply(built.dataset.inputs)
    y, parts = built.dataset.targets, built.parts
    assert parts.test is not None
    network = MLPClassifier((16,), max_iter=3000, random_state=0).fit(
        x[parts.train], y[parts.train]
    )
    return float(network.score(x[parts.test], y[parts.test]))


def line(name: str, folder: Path) -> str:
    """A row of the page."""
    path = write(name, folder)
    described = describe_table(path, target(name))
    left_out = ("name", "path", "target")
    adds = {k: v for k, v in described.profile.settings.items() if k not in left_out}
    says = plain_answer(path, name).replace("|", "\\|")
    proposal = ", ".join(f"`{key}: {flow(value)}`" for key, value in adds.items()) or "nothing"
    proposal = proposal.replace("|", "\\|")
    return f"| {name} | {says} | {proposal} | {accuracy(described, folder / 'runs'):.3f} |"


def main() -> None:
    """Write the page."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        lines = "\n".join(line(file, folder) for file in FILES)
        peer = peer_accuracy(describe_table(write("clean", folder), "answer"))
    PAGE.write_text(TEXT.format(rows=ROWS, lines=lines, peer=peer), encoding="utf-8")


if __name__ == "__main__":
    main()
