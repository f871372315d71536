"""A metric stands in one place: one that is added to the catalogue appears everywhere."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from click.testing import CliRunner

import nnlab
from docs.settings import config_reference
from nnlab.build import build
from nnlab.cli import main
from nnlab.config.load import from_mapping
from nnlab.core import columns
from nnlab.core.metrics import METRICS, RIGHT, Sum, SumMetric
from nnlab.core.types import Kind
from nnlab.errors import ConfigError
from nnlab.run.folder import RunFolder
from nnlab.run.sweeps import SweepFolder
from nnlab.show.figures import view
from nnlab.show.figures.curves import draw_curves
from nnlab.show.figures.overlay import draw_runs
from nnlab.show.figures.sweep_plots import draw_finals, draw_sweep_curves
from nnlab.show.figures.sweep_view import SweepView
from nnlab.study.execute import InProcess
from nnlab.study.plan import prepare_sweep, register

pytestmark = pytest.mark.usefixtures("quick_figures")

ROOT = Path(__file__).parents[1] / "nnlab"
TABLE = ROOT / "core" / "metrics.py"
LOSS_NAMES = {
    ROOT / "core/losses/__init__.py",
    ROOT / "engine/compiled/losses.py",
}  # "mae" is a loss, too
SYNONYMS = ROOT / "synonyms.py"  # other libraries' words for them; tests/test_suggest.py checks it
NAME, LABEL = "made_up", "a made-up score"
MADE_UP = SumMetric(
    NAME,
    LABEL,
    higher_is_better=True,
    range=(0, 2),
    tasks=get_args(Kind),
    sums=(Sum(lambda answers: 1.5 * answers.right),),
    value=lambda sums, rows, targets: sums[0][0] / rows,
)
XOR = """
name: case
data: {name: xor, validation: 0.3, test: 0.2}
network: [{dense: 3}, tanh, {dense: 1}, sigmoid]
loss: bce
training: {epochs: 2, monitor: val_made_up}
"""


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METRICS, NAME, MADE_UP)


@pytest.fixture
def config(made_up: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "case.yaml"
    path.write_text(XOR)
    return path


def texts(figure: Any) -> str:
    return "\n".join(ax.get_ylabel() for ax in figure.axes)


def command(*arguments: str) -> str:
    result = CliRunner().invoke(main, arguments, prog_name="nnlab")
    assert result.exit_code == 0, result.output
    return result.output


def test_a_metric_of_the_catalogue_appears_in_everything_of_a_run(config: Path) -> None:
    first = nnlab.train(config, runs="runs")
    other = nnlab.train(config, runs="runs", lr=0.5)
    assert {"train_made_up", "val_made_up"} <= set(first.metrics)
    assert first.metrics["val_made_up"] == pytest.approx(1.5 * first.metrics["val_accuracy"])
    # The monitored value got better when it grew.
    best = int(first.metrics["val_made_up"].argmax())
    assert first.summary["best"]["epoch"] == best
    assert {"final", "best"} == {
        table for table in ("final", "best") if "val_made_up" in first.summary[table]
    }
    assert "made_up" in first.summary["test"]

    views = [view(RunFolder.open(run.path)) for run in (first, other)]
    assert LABEL in texts(draw_curves(views[0]))
    assert LABEL in texts(draw_runs(views))
    names = [str(run.path) for run in (first, other)]
    assert "val_made_up" in command("train", str(config), "--no-plots", "--runs", "more")
    assert " made_up\n" in command("evaluate", names[0])
    assert " made_up " in command("runs", "runs").splitlines()[0]
    by = command("runs", "runs", "--sort", "made_up", "--csv").splitlines()
    scores = [float(line.split(",")[by[0].split(",").index("made_up")]) for line in by[1:]]
    assert scores == sorted(scores, reverse=True)
    shown = command("compare", *names)
    assert all(key in shown for key in ("final.val_made_up", "best.val_made_up", "test.made_up"))
    for page, shown in (("one", names[:1]), ("two", names)):
        command("report", *shown, "--out", page)
        assert f"test {LABEL}" in Path(page).read_text(encoding="utf-8")


def test_a_metric_of_the_catalogue_appears_in_everything_of_a_sweep(config: Path) -> None:
    plan = prepare_sweep(["lr=0.1,0.2"], str(config), seeds=2)
    parent = Path("sweep-case")
    folder = SweepFolder(parent)
    folder.create()
    register(folder, plan.about, {})
    for event in InProcess().run(plan.trials, parent):
        assert getattr(event, "done", True)
    study = SweepView(folder)
    assert LABEL in texts(draw_sweep_curves(study))
    assert LABEL in texts(draw_finals(study))
    shown = command("compare", str(parent))
    assert "test.made_up" in shown
    command("report", str(parent), "--out", "page.html")
    page = Path("page.html").read_text(encoding="utf-8")
    assert LABEL in page
    assert "test made_up" in page
    from nnlab.study.results import cell_rows

    (row, _) = cell_rows(folder.records(), folder.read_about()["axes"])
    assert "test_made_up" in row.numbers


def test_the_reference_of_settings_shows_the_catalogue(made_up: None) -> None:
    assert f"| {NAME} | {LABEL} | classes, binary, regression | larger | 0 to 2 |" in (
        config_reference()
    )


def settings(engine: str) -> dict[str, Any]:
    return {
        "data": "xor",
        "network": [{"dense": 3}, "tanh", {"dense": 1}, "sigmoid"],
        "loss": "bce",
        "training": {"epochs": 100_000, "engine": engine},
    }


def test_the_compiled_engine_gives_way_to_a_metric_that_it_cannot_sum(made_up: None) -> None:
    pytest.importorskip("numba")
    assert build(from_mapping(settings("auto"))).plan.engine == "numpy"
    with pytest.raises(ConfigError) as caught:
        build(from_mapping(settings("compiled")))
    assert str(caught.value) == (
        "training.engine: compiled is not possible: the metric made_up has no compiled form. "
        "Use numpy, or auto."
    )


def test_the_compiled_engine_knows_a_metric_of_sums_that_it_has(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("numba")
    wrong = SumMetric(
        "wrong",
        "share of wrong rows",
        higher_is_better=False,
        range=(0, 1),
        tasks=("binary",),
        sums=(RIGHT,),
        value=lambda sums, rows, targets: 1 - sums[0][0] / rows,
    )
    monkeypatch.setitem(METRICS, "wrong", wrong)
    run = nnlab.train(settings("compiled"), runs=tmp_path, epochs=3)
    assert run.metrics["train_wrong"] == pytest.approx(1 - run.metrics["train_accuracy"])


# --- and nowhere else -------------------------------------------------------------------------


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """The texts of a module but for docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    prose = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.lineno, node.value


def places(pattern: str, but: set[Path]) -> list[str]:
    """Where a text of a module matches."""
    return [
        f"{path.relative_to(ROOT)}:{line} {text!r}"
        for path in sorted(ROOT.rglob("*.py"))
        if path not in but
        for line, text in strings(path)
        if re.search(pattern, text)
    ]


def test_a_metric_is_named_in_the_catalogue_alone() -> None:
    names = "|".join(METRICS)
    assert places(rf"(?<![a-z0-9])({names})(?![a-z0-9])", {TABLE, *LOSS_NAMES, SYNONYMS}) == []


def test_the_prefixes_of_the_parts_are_known_to_one_module() -> None:
    assert places(r"^\S*\b(train|val|test)_\S*$", {ROOT / "core" / "columns.py", SYNONYMS}) == []
    assert places(r"^val$", {ROOT / "core" / "columns.py"}) == []


def test_a_search_for_names_finds_them() -> None:
    assert places(r"^accuracy$", set())
    assert places(r"^val$", set())


@pytest.mark.parametrize(
    ("column", "part", "quantity"),
    [
        ("train_loss", "train", "loss"),
        ("val_made_up", "val", "made_up"),
        ("test_r2", "test", "r2"),
        ("lr", "", "lr"),
        ("train", "", "train"),
        ("trainer_loss", "", "trainer_loss"),
        ("step_size", "", "step_size"),
    ],
)
def test_a_column_is_a_part_and_a_quantity(column: str, part: str, quantity: str) -> None:
    assert columns.split(column) == (part, quantity)
    assert not part or columns.name(part, quantity) == column
