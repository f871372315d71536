"""The main commands, each in a process of its own: a smoke test for the lowest versions.

python -m tests.lowest --print    one `package==version` per line, the floors of pyproject.toml
python -m tests.lowest            run the commands with the packages of this Python
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXTRAS = ("fast", "cluster", "tune", "live", "torch", "export")
FILES = {
    "rows.csv": "x,y\n0,1\n1,1\n",
    "table.csv": "a,b,kind\n" + "1.0,red,x\n2.0,blue,y\n1.5,red,x\n2.5,blue,y\n" * 5,
    "table.yaml": "data: {name: csv, path: table.csv, target: kind, categorical: [b]}\n"
    "network: [{dense: 4}, tanh, {dense: 2}, softmax]\nloss: cross_entropy\n"
    "training: {epochs: 5}\n",
    "estimators.py": "import nnlab\n"
    "from sklearn.utils.estimator_checks import check_estimator\n"
    "for kind in (nnlab.Classifier, nnlab.Regressor):\n"
    "    check_estimator(kind(hidden=8, lr=0.02, epochs=30))\n",
    "space.yaml": "lr: {low: 0.01, high: 1.0, log: true}\nhidden: {low: 2, high: 4}\n",
}
SHORT = "--set epochs=20 --set training.engine=numpy"
COMMANDS = (
    "--version",
    "--help",
    "init",
    "data list",
    "check xor",
    "gradcheck xor",
    f"train xor --runs runs/a --name a {SHORT}",
    "resume latest --runs runs/a --set epochs=25",
    "verify latest --runs runs/a",
    "evaluate latest --runs runs/a",
    "predict latest --runs runs/a rows.csv",
    "plot latest --runs runs/a --only curves --only boundary",
    "report latest --runs runs/a",
    *(f"export latest --runs runs/a --to {to}" for to in ("script", "notebook", "onnx", "c")),
    *(f"export latest --runs runs/a --to {to}" for to in ("safetensors", "tensorboard")),
    f"train xor --runs runs/b --set seed=1 {SHORT}",
    "compare runs/a runs/b",
    "train table.yaml",
    "train digits_conv --set epochs=1 --no-plots",
    "train xor --set epochs=20 --set training.engine=compiled --no-plots",
    f"sweep lr=0.1,0.2 -c xor --name processes --seeds 2 --jobs 2 {SHORT}",
    f"sweep lr=0.1,0.2 -c xor --name cluster --cluster local:1 --no-plots {SHORT}",
    "report processes",
    f"tune xor --search space.yaml --trials 6 {SHORT}",
    "descend landscape",
    "runs",
    "python -W ignore estimators.py",
)


def floors() -> Iterator[str]:
    """The lowest version of every dependency and extra, as constraints for pip."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    for requirement in [*project["dependencies"], *(r for name in EXTRAS for r in extras[name])]:
        match = re.fullmatch(r"([\w-]+)>=([\d.]+)", requirement)
        if match is None:
            raise SystemExit(f"pyproject.toml: '{requirement}' is not of the form name>=version.")
        yield f"{match[1]}=={match[2]}"


def run(folder: Path) -> int:
    """The number of commands that failed, after each has printed a line and its warnings."""
    for name, text in FILES.items():
        (folder / name).write_text(text)
    environment = {**os.environ, "PYTHONWARNINGS": "default", "OPENBLAS_NUM_THREADS": "1"}
    failed, known = 0, set[str]()
    for command in COMMANDS:
        first, *words = command.split()
        script = first == "python"
        words = words if script else ["-m", "nnlab", first, *words]
        done = subprocess.run(
            [sys.executable, *words],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        print(
            "ok    " if done.returncode == 0 else "FAILED",
            command if script else f"nnlab {command}",
            flush=True,
        )
        if done.returncode:
            failed += 1
            print(f"exit code {done.returncode}\n{done.stdout}{done.stderr}", flush=True)
        else:
            new = dict.fromkeys(re.findall(r".*Warning: .*", done.stderr)).keys() - known
            known |= new
            print(*sorted(f"       {line}\n" for line in new), sep="", end="", flush=True)
    return failed


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.lowest")
    parser.add_argument("--print", action="store_true", help="print the floors")
    if parser.parse_args().print:
        print(*floors(), sep="\n")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        failed = run(Path(folder))
    print(f"{failed} of {len(COMMANDS)} commands failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
