"""`python -O` drops assert statements; every message and exit code stays the same."""

import json
import shutil
from pathlib import Path

import pytest

from tests.attacks.configs import ATTACKS
from tests.cli.test_main import MEANT
from tests.process import python

WORKER = """
import json
from click.testing import CliRunner
from nnlab.cli import main
lines = json.load(open("lines.json"))
results = [CliRunner().invoke(main, line, prog_name="nnlab") for line in lines]
print(json.dumps([[result.exit_code, result.stdout, result.stderr] for result in results]))
"""

TABLES = {
    "headerless": "1,2,0\n2,3,1\n3,4,0\n4,5,1\n",
    "comma": "x;y\n1,5;2\n2,5;3\n",
    "repeated": "id,id,y\n1,2,0\n2,1,1\n",
    "percent": "x,y\n10 %,1\n20 %,2\n",
    "ragged": "x,y\n1,2\n3\n",
    "text": "x,y\nred,0\nblue,1\n",
    "missing": "x,y\n,0\n2,1\n",
    "empty": "",
}
CONFIGS = {
    "shapes": "data: digits\nnetwork: [{conv2d: 4}, {dense: 10}, softmax]\nloss: cross_entropy\n",
    "outputs": "data: digits\nnetwork: [{dense: 3}, softmax]\nloss: cross_entropy\n",
    "loss": "data: xor\nnetwork: [{dense: 1}]\nloss: cross_entropy\n",
    "monitor": "data: xor\nnetwork: [{dense: 1}]\nloss: mse\ntraining: {monitor: f1}\n",
    "engine": "data: xor\nnetwork: [{dense: 1}]\nloss: mse\ntraining: {engine: cuda}\n",
    "sweeps": "data: xor\nnetwork: [{dense: 1}]\nloss: mse\nsweeps: {lr: [1, 2]}\n",
    "file": "data: {name: csv, path: nothing.csv, target: y}\nnetwork: [{dense: 1}]\nloss: mse\n",
}
COMMANDS = """
train
train nothing
train landscape
train xor --set lr=-1 --set nothing=1 --set network.9=relu
train xor --name a/b
check xor
check xor --set training.epochs=0.5
gradcheck xor --rows 0
gradcheck xor --rows 3
sweep lr= -c xor
sweep nothing=1,2 -c xor
sweep lr=0.1,0.2 -c xor --memory much
sweep lr=0.1,0.2 -c xor --tls-key key.pem
sweep lr=0.1,0.2 -c xor --cluster nonsense
sweep lr=0.1,0.2 -c xor --dry-run
tune xor --search nothing.yaml
descend xor
descend landscape --set function=hill
descend landscape --set runs.9.lr=1
init nothing
init xor -
data fetch nothing
runs
runs nothing
runs --where lr
runs --where nothing=1
runs --sort nothing
compare latest
compare latest latest
compare latest run --metric nothing
plot latest --only nothing
plot latest --only confusion
plot latest --list
plot --activation nothing
report nothing
resume latest
resume latest --set lr=1
resume damaged
verify latest --replay none
verify damaged --replay none
evaluate latest
evaluate latest --part test
evaluate latest --data nothing.csv
evaluate latest --data headerless.csv
evaluate damaged
predict latest
predict latest nothing.csv
predict latest ragged.csv
predict latest --targets --weights best
predict damaged headerless.csv
"""


def run(lines: list[list[str]], folder: Path, *flags: str) -> list[list[object]]:
    """Exit code, stdout and stderr of each command line, in a process with these flags."""
    (folder / "lines.json").write_text(json.dumps(lines))
    variables = {"NNLAB_RUNS": str(folder / "runs"), "PYTHONOPTIMIZE": ""}
    done = python(*flags, "-c", WORKER, cwd=folder, **variables)
    assert done.returncode == 0, done.stderr
    outcomes: list[list[object]] = json.loads(done.stdout)
    return outcomes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Tables, configs, a run, and a copy of it whose weights and metrics are damaged."""
    for name, text in TABLES.items():
        (tmp_path / f"{name}.csv").write_text(text)
        (tmp_path / f"{name}.yaml").write_text(
            f"data: {{name: csv, path: {name}.csv, target: y}}\nnetwork: [{{dense: 1}}]\nloss: mse"
        )
    for name, text in CONFIGS.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    small = {name: content for name, (content, _) in ATTACKS.items() if len(content) < 10_000}
    for number, content in enumerate(small.values()):
        (tmp_path / f"attack{number}.yaml").write_bytes(content)
    run([["train", "xor", "--set", "epochs=2", "--no-plots", "-q"]], tmp_path)
    (trained,) = (tmp_path / "runs").iterdir()
    damaged = tmp_path / "damaged"
    shutil.copytree(trained, damaged)
    for path in [*damaged.glob("weights/*.npz"), damaged / "metrics.csv"]:
        path.write_bytes(path.read_bytes()[:-40])
    return tmp_path


def test_optimized_python_gives_the_same_messages(folder: Path) -> None:
    configs = sorted(path.name for path in folder.glob("*.yaml"))
    lines = [["check", config] for config in configs] + [line.split() for line, _ in MEANT]
    lines += [line.split() for line in COMMANDS.strip().splitlines()]
    plain, optimized = run(lines, folder), run(lines, folder, "-O")
    pairs = zip(lines, plain, optimized, strict=True)
    assert [line for line, first, second in pairs if first != second] == []
    codes = [code for code, _, _ in plain]
    assert 1 not in codes  # no traceback
    assert sum(code != 0 for code in codes) > 100
