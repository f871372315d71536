"""Each export of each kind of run, read by the tool that it is for (`make exports`).

It writes docs/exports.md. A number is the largest difference between the tool's outputs and those
of nnlab, divided by the largest output; for scripts and notebooks, of the losses, each divided by
the loss of the run. PyTorch runs in an interpreter of its own, which --torch names.
"""

import csv
import io
import re
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import nnlab
from benchmarks.commands import ROOT
from nnlab.config.dump import settings_of
from nnlab.config.load import load_config
from nnlab.core.optimizers import OPTIMIZERS
from nnlab.core.schedules import SCHEDULES
from nnlab.core.types import Array, FloatArray

PAGE = ROOT / "docs" / "exports.md"
MOST = 1000  # rows
ROWS = 240  # of the table that is written here
TORCH = """
import sys
import numpy as np, torch
sys.path.insert(0, sys.argv[1])
import exported
rows = torch.tensor(np.load(sys.argv[2]))
np.save(sys.argv[3], exported.load()(rows).detach().numpy())
"""
TEXT = """# Exports

`nnlab export RUN --to TARGET` writes a run for another tool. Each export of each of these runs was
read by that tool. A number is the largest difference between its outputs and those of nnlab on up
to {most} rows in the units of the data, divided by the largest output. For `script` and `notebook`
it is that of the losses of all epochs, each relative to the run's, after NumPy alone did the
training again; behind it the tolerance that the script states. `safetensors` and `tensorboard`
hold the weights and the metrics: 0 is equal to the bit (TensorBoard's scalars are float32).
{versions}; `make exports` measures again.

{table}

{refusals}

## Every optimizer and every schedule

The same for the script of two epochs of `digits_binary` in float64.

{rules}
"""


def table_run(folder: Path) -> dict[str, Any]:
    """A csv table with categories, missing cells and a scaling."""
    rng = np.random.default_rng(0)
    lines = ["size,colour,weight,price"]
    for size, colour, weight in zip(
        rng.normal(5, 2, ROWS), rng.choice(["red", "blue", "green"], ROWS), rng.normal(90, 9, ROWS),
        strict=True,
    ):  # fmt: skip
        cell = "" if rng.random() < 0.05 else f"{weight:.3f}"
        lines.append(f"{size:.3f},{colour},{cell},{3 * size + (colour == 'red'):.3f}")
    folder.mkdir(exist_ok=True)
    path = folder / "table.csv"
    path.write_text("\n".join(lines) + "\n")
    return {
        "data": {"name": "csv", "path": str(path), "target": "price", "missing": "mean",
                 "categorical": ["colour"], "scale": "standardize", "test": 0.2},
        "network": [{"dense": 16}, "tanh", {"dense": 1}],
        "loss": "mse",
        "optimizer": {"adam": 0.01},
        "training": {"epochs": 20, "dtype": "float64"},
    }  # fmt: skip


def with_dropout(config: str) -> dict[str, Any]:
    """A shipped config with dropout before its last dense layer."""
    settings = settings_of(load_config(config).config)
    network = list(settings["network"])
    network.insert(len(network) - 2, {"dropout": 0.3})
    return {**settings, "network": network, "sweeps": {}}


def runs(folder: Path) -> dict[str, Callable[[], nnlab.Run]]:
    """How to train each run, by its name in the table."""

    def train(config: str | Mapping[str, Any], **settings: Any) -> Callable[[], nnlab.Run]:
        return lambda: nnlab.train(config, runs=folder, progress=False, **settings)

    return {
        "identity8": train("identity8", epochs=300),
        "xor": train("xor", epochs=300),
        "digits_binary": train("digits_binary", epochs=5),
        "textbook": train("textbook", epochs=3),
        "fashion_mlp, 1 epoch": train("fashion_mlp", epochs=1),
        "digits_conv with batch_norm and dropout": train(with_dropout("digits_conv"), epochs=3),
        "csv with categories, missing cells, scaling": train(table_run(folder)),
    }


def inputs_of(run: nnlab.Run) -> FloatArray:
    """Up to MOST rows in the units of the data."""
    dataset = run.config.data.source.load(run.config.data.seed)
    rows: FloatArray = dataset.inputs[:MOST].astype(np.float64)
    return rows


def difference(outputs: Array, expected: Array) -> str:
    """The largest difference, divided by the largest output."""
    if outputs.shape != expected.shape:
        raise ValueError(f"shapes {outputs.shape} and {expected.shape}")
    return digits(np.abs(outputs - expected).max() / max(1e-300, np.abs(expected).max()))


def digits(value: float) -> str:
    """Two digits; 0 for no difference at all."""
    return f"{value:.1e}" if value else "0"


def losses_text(printed: str, source: str) -> str:
    """The largest difference that a script printed, and its tolerance."""
    numbers = [float(n) for n in re.findall(r"difference (\S+)$", printed, re.MULTILINE)]
    tolerance = re.search(r"^tolerance = (\S+)$", source, re.MULTILINE)
    return f"{digits(max(numbers))} ({float(tolerance[1] if tolerance else 'nan'):.0e})"


def read_script(run: nnlab.Run, folder: Path) -> str:
    path = nnlab.export(run, "script", folder / "script.py")
    done = subprocess.run(
        [sys.executable, "-I", str(path)], capture_output=True, text=True, check=True
    )
    return losses_text(done.stdout, path.read_text())


def read_notebook(run: nnlab.Run, folder: Path) -> str:
    import nbformat
    from nbclient import NotebookClient

    path = nnlab.export(run, "notebook", folder / "notebook.ipynb")
    notebook = nbformat.read(path, 4)  # type: ignore[no-untyped-call]
    NotebookClient(notebook, resources={"metadata": {"path": str(folder)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    printed = "".join(o["text"] for o in outputs if o.output_type == "stream")
    return losses_text(printed, "\n".join(cell.source for cell in notebook.cells))


def read_onnx(run: nnlab.Run, folder: Path) -> str:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(nnlab.export(run, "onnx", folder / "n.onnx")))
    (outputs,) = session.run(None, {"rows": inputs_of(run)})
    return difference(outputs, run.predict(inputs_of(run)))


def read_torch(run: nnlab.Run, folder: Path, python: str) -> str:
    nnlab.export(run, "torch", folder / "exported.py")
    np.save(folder / "rows.npy", inputs_of(run))
    files = [str(folder / name) for name in ("rows.npy", "outputs.npy")]
    subprocess.run([python, "-c", TORCH, str(folder), *files], check=True)
    return difference(np.load(files[1]), run.predict(inputs_of(run)))


def read_safetensors(run: nnlab.Run, folder: Path) -> str:
    from safetensors.numpy import load_file

    saved = load_file(nnlab.export(run, "safetensors", folder / "w.safetensors"))
    own = run.network().arrays
    same = saved.keys() == own.keys() and all(np.array_equal(saved[k], own[k]) for k in own)
    return "0" if same else "differs"


def read_tensorboard(run: nnlab.Run, folder: Path) -> str:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(
        str(nnlab.export(run, "tensorboard", folder / "events")), size_guidance={"scalars": 0}
    )
    events.Reload()
    values = [event.value for event in events.Scalars("loss/train")]
    return "0" if np.array_equal(values, np.float32(run.metrics["train_loss"])) else "differs"


def read_c(run: nnlab.Run, folder: Path) -> str:
    path, program = nnlab.export(run, "c", folder / "n.c"), folder / "n.out"
    flags = "-std=c99 -pedantic -Wall -Wextra -Werror -O1 -DNNLAB_MAIN"
    subprocess.run(["cc", *flags.split(), str(path), "-o", str(program), "-lm"], check=True)
    rows = io.StringIO()
    csv.writer(rows).writerows(inputs_of(run).tolist())
    done = subprocess.run(
        [str(program)], input=rows.getvalue(), capture_output=True, text=True, check=True
    )
    outputs = np.loadtxt(io.StringIO(done.stdout), delimiter=",", ndmin=2)
    return difference(outputs, run.predict(inputs_of(run)))


def markdown(head: list[str], rows: list[list[str]]) -> str:
    """A table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def measured(run: nnlab.Run, folder: Path, readers: Mapping[str, Any], refused: list[str]) -> Any:
    """The cells of a run; a refusal is a number in the list of refusals."""
    for target, read in readers.items():
        try:
            yield read(run, folder)
        except nnlab.NnlabError as error:
            sentence = f"`{target}`: {error}"
            refused += [] if sentence in refused else [sentence]
            yield f"refused ({refused.index(sentence) + 1})"


def main() -> None:
    parser = ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--torch", default=sys.executable, help="a Python that has PyTorch")
    torch = parser.parse_args().torch
    readers = {
        "script": read_script,
        "notebook": read_notebook,
        "onnx": read_onnx,
        "torch": lambda run, folder: read_torch(run, folder, torch),
        "safetensors": read_safetensors,
        "tensorboard": read_tensorboard,
        "c": read_c,
    }
    refused: list[str] = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        rows = []
        for title, train in runs(folder / "runs").items():
            (folder / title).mkdir()
            rows.append([title, *measured(train(), folder / title, readers, refused)])
            print(rows[-1], flush=True)
        rules = []
        names = [("optimizer", name) for name in OPTIMIZERS]
        names += [("schedule", name) for name in SCHEDULES]
        for key, rule in names:
            value: Any = {"multistep": {"milestones": [1]}} if rule == "multistep" else rule
            run = nnlab.train(
                "digits_binary", epochs=2, training__dtype="float64", runs=folder / "runs",
                progress=False, **{key: value},
            )  # fmt: skip
            rules.append([key, rule, read_script(run, folder)])
            print(rules[-1], flush=True)
    versions = f"Python {sys.version.split()[0]}, NumPy {np.__version__}"
    PAGE.write_text(
        TEXT.format(
            most=f"{MOST:,}",
            versions=versions,
            table=markdown(["run", *readers], rows),
            refusals="\n".join(f"{i}. {sentence}" for i, sentence in enumerate(refused, 1)),
            rules=markdown(["", "", "difference (tolerance)"], rules),
        ),
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
