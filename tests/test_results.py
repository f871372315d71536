"""What notebooks see: the objects that the functions of `nnlab` return."""

import re
import signal
import sys

import nbclient
import nbformat
import numpy as np
import pytest
from matplotlib.figure import Figure

import nnlab
from nnlab.api.progress import choose_display
from nnlab.errors import UsageError
from tests.patience import PATIENCE
from tests.process import printed_by

XOR = {"data": "xor", "network": [{"dense": 3}, "tanh", {"dense": 1}, "sigmoid"], "loss": "bce"}
LONG = {"epochs": 10_000_000, "training__engine": "numpy"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("results")


@pytest.fixture(scope="module")
def run(folder):
    return nnlab.train({**XOR, "name": "a&b"}, runs=folder, epochs=30)


@pytest.fixture(scope="module")
def sweep(folder):
    return nnlab.sweep(XOR, {"lr": [0.1, 1.0]}, seeds=2, runs=folder, epochs=5, name="s")


@pytest.fixture
def ctrl_c(monkeypatch):
    """Each training is interrupted by Ctrl+C once it has shown something."""
    monkeypatch.setattr(
        "nnlab.api.progress.no_bar", lambda event: signal.raise_signal(signal.SIGINT)
    )


def test_a_run_shows_itself(run):
    lines = repr(run).splitlines()
    assert lines[0] == f"{run.name}: completed, 30 epochs"
    assert lines[2].startswith("train_loss 0.")
    html = run._repr_html_()
    assert "a&amp;b" in html
    assert "a&b" not in html
    assert "<polyline" in html
    assert run.table["train_loss"].shape == (31,)


def test_a_figure_shows_itself_and_pyplot_knows_nothing(run):
    figure = run.plot("curves")
    assert isinstance(figure, Figure)
    png, size = figure._repr_png_()
    assert png.startswith(b"\x89PNG")
    assert size["width"] == figure.get_size_inches()[0] * 96
    assert (
        "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()
    )
    with pytest.raises(UsageError, match="Did you mean 'curves'"):
        run.plot("curvs")
    with pytest.raises(UsageError, match="The figure filters does not suit"):
        run.plot("filters")


def test_a_report_is_a_page_in_a_frame(sweep, tmp_path):
    report = sweep.report()
    html = report._repr_html_()
    assert html.startswith('<iframe srcdoc="&lt;!DOCTYPE html&gt;')
    assert html.count("<") == 2
    assert report.save(tmp_path / "page.html").read_text(encoding="utf-8") == report.html


def test_a_sweep(sweep):
    assert sweep.status == "completed"
    assert repr(sweep).startswith("s: completed, 4 of 4 trials done")
    assert "Numbers: median (quartiles) over the seeds." in repr(sweep)  # as the command prints
    assert sorted(sweep.table["lr"]) == [0.1, 0.1, 1.0, 1.0]
    assert "<polyline" in sweep._repr_html_()
    assert isinstance(sweep.plot("final"), Figure)
    with pytest.raises(UsageError, match="The figure map does not suit"):
        sweep.plot("map")
    assert nnlab.Sweep.load(sweep.path) == sweep
    again = nnlab.sweep(XOR, "lr=0.1,1.0", seeds=2, runs=sweep.path.parent, epochs=5, name="s")
    assert len(again.records) == 4


def test_tables_become_data_frames(run, sweep, folder, monkeypatch):
    results = [
        run, sweep, nnlab.evaluate(run), nnlab.predict(run), nnlab.verify(run, epochs=1),
        nnlab.gradcheck(XOR), nnlab.compare(sweep), nnlab.runs(folder),
        nnlab.descend("landscape", runs=folder / "races", steps=3),
        nnlab.lr(XOR, updates=50, seeds=2),
    ]  # fmt: skip
    for result in results:
        frame = result.to_pandas()
        assert list(frame.columns) == list(result.table)
        assert len(frame) > 0
        assert str(result) == repr(result) != ""
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UsageError, match=r"^pandas is not installed: pip install pandas\."):
        run.to_pandas()


def test_what_the_results_say(run, folder):
    assert nnlab.evaluate(run, part="train")["loss"] == pytest.approx(
        nnlab.evaluate(run).measures["loss"]
    )
    assert nnlab.verify(run).good
    assert nnlab.gradcheck(XOR).wrong == []
    np.testing.assert_array_equal(nnlab.predict(run, np.eye(2)).outputs, run.predict(np.eye(2)))
    best = nnlab.tune(XOR, {"lr": [0.1, 1.0]}, trials=2, runs=folder / "t", epochs=2).best
    assert best.status == "completed"


def test_runs_are_sorted_and_chosen_as_by_the_command(sweep):
    listed = nnlab.runs(sweep.path, where=["lr<0.5", "epochs=5"], sort="seed", reverse=True)
    assert listed.table["lr"].tolist() == [0.1, 0.1]
    assert [run.config.seed for run in listed] == [1, 0]
    assert [run["config"]["lr"] for run in listed.to_dict()["runs"]] == [0.1, 0.1]
    assert "s" in [row["sweep"] for row in nnlab.runs(sweep.path.parent).to_dict()["sweeps"]]
    assert "There is no run for which this is true" in repr(nnlab.runs(sweep.path, where="lr>7"))
    with pytest.raises(UsageError, match=r"no status 'complete'\. Did you mean 'completed'"):
        nnlab.runs(sweep.path, status="complete")
    with pytest.raises(UsageError, match="No run has a column or a setting 'lrr'"):
        nnlab.runs(sweep.path, sort="lrr")


def test_a_list_of_results_shows_their_texts(run):
    findings = nnlab.doctor(run)
    assert repr(findings) == "\n\n".join(map(str, findings)) != "[]"
    assert findings[0].sentence in repr(findings)
    assert repr(nnlab.explain(run, 1)).startswith(f"{run.name}, row 1")


def test_a_run_stands_for_its_config(run, tmp_path):
    assert nnlab.train(run, runs=tmp_path, epochs=1).config.loss == run.config.loss
    assert nnlab.gradcheck(run).wrong == []
    assert nnlab.load(run) == run


def test_runs_in_a_list_are_compared(sweep):
    compared = nnlab.compare(sweep.runs, metrics="final.train_loss")
    whole = nnlab.compare(sweep, metrics=["final.train_loss"])
    assert {run.name for run in compared.runs} == {run.name for run in whole.runs}
    assert {c.metric for c in compared.comparisons} == {"final.train_loss"}
    assert len(nnlab.runs(sweep.path)[1:3].records) == 2


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda _: nnlab.train(5), TypeError, "a config is a path, the name of a shipped config,"),
        (lambda _: nnlab.evaluate(None), TypeError, "a run is a Run, a folder, a name, or a uniqu"),
        (lambda s: nnlab.evaluate(s.runs[0], XOR), TypeError, "data is a CSV or NPZ file, a f"),
        (lambda s: nnlab.load(s.path), UsageError, "is a sweep, not a run: name one of its trials"),
        (
            lambda _: nnlab.sweep(XOR, {"lr": 0.1}),
            UsageError,
            "The values of lr are a list, such a",
        ),
        (
            lambda _: nnlab.sweep(XOR, {"activation": "relu"}),
            UsageError,
            "a list, such as ['relu']",
        ),
    ],
)
def test_a_value_of_another_kind_is_one_sentence(sweep, call, error, message):
    with pytest.raises(error, match=re.escape(message)) as raised:
        call(sweep)
    assert "\n" not in str(raised.value)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_leaves_an_object_that_continues(tmp_path, capsys):
    run = nnlab.train(XOR, runs=tmp_path, **LONG)
    assert run.status == "interrupted"
    assert "nnlab.resume continues it" in repr(run)
    assert "SIGINT: stopped after" in capsys.readouterr().err
    epochs = len(run.table["epoch"])
    again = nnlab.resume(run)
    assert again.status == "interrupted"
    assert len(again.table["epoch"]) > epochs
    sweep = nnlab.sweep(XOR, {"lr": [0.1, 1.0]}, jobs=1, runs=tmp_path, **LONG)
    assert sweep.status == "interrupted"
    assert ": interrupted, 0 of 2 trials done\n" in repr(sweep)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_a_script_needs_no_guard_for_processes(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        f"import nnlab\nprint('once')\ns = nnlab.sweep({XOR}, 'hidden=2,3', epochs=1, jobs=2, "
        f"timeout={PATIENCE}, runs={str(tmp_path)!r})\nprint(s.status)\n",
        encoding="utf-8",
    )
    assert printed_by(str(script)) == "once\ncompleted\n"


def test_no_bar_in_scripts():
    assert choose_display().drawer is None
    assert choose_display(True).drawer is not None


def test_in_a_kernel(tmp_path):
    cells = [
        f"import nnlab, sys\nrun = nnlab.train({XOR}, epochs=20, runs={str(tmp_path)!r})\nrun",
        "run.plot()",
        "print('matplotlib.pyplot' in sys.modules)",
    ]
    book = nbformat.v4.new_notebook(cells=list(map(nbformat.v4.new_code_cell, cells)))
    nbclient.NotebookClient(book, timeout=PATIENCE, kernel_name="python3").execute()
    bar, shown = book.cells[0].outputs
    assert bar.output_type == "display_data"
    assert "completed, 20 epochs" in shown.data["text/html"]
    assert "image/png" in book.cells[1].outputs[0].data
    assert book.cells[2].outputs[0].text == "False\n"


# --- the arguments of functions ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda run: nnlab.sweep(XOR, "lr=1", seeds=0), "seeds is 0; it is a whole number >= 1."),
        (lambda run: nnlab.sweep(XOR, "lr=1", seeds=1.5), "seeds is 1.5; it is a whole number"),
        (lambda run: nnlab.sweep(XOR, "lr=1", jobs="2"), "jobs is '2'; it is a whole number >= 1,"),
        (lambda run: nnlab.sweep(XOR, "lr=1", timeout=np.nan), "timeout is nan; it is a number >"),
        (lambda run: nnlab.sweep(XOR, "lr=1", memory="1G"), "memory is '1G'; it is a whole number"),
        (lambda run: nnlab.tune(XOR, {"lr": [1, 2]}, trials=-1), "trials is -1; it is a whole"),
        (lambda run: nnlab.gradcheck(XOR, rows=0), "rows is 0; it is a whole number >= 1."),
        (lambda run: nnlab.verify(run, epochs=-3), "epochs is -3; it is a whole number >= 0, or N"),
        (lambda run: nnlab.verify(run, replay="x"), "replay is 'x'; it is one of start, checkpo"),
        (lambda run: nnlab.explain(run, True), "row is True; it is a whole number >= 1."),
        (lambda run: nnlab.crosscheck(XOR, against=3), "against is 3; it is a text."),
        (lambda run: nnlab.runs(sort=3), "sort is 3; it is a text, or None."),
        (lambda run: run.plot(5), "name is 5; it is a text."),
        (lambda run: run.tag("good", 3), "tags is 3; it is a text."),
        (lambda run: run.annotate(5), "note is 5; it is a text."),
        (lambda run: run.rename(7), "name is 7; it is a text."),
        (lambda run: run.plot(scale="x"), "scale is 'x'; it is one of linear, log, or None."),
        (lambda run: nnlab.predict(run, [[0, 1]], part="train"), "part and data exclude each oth"),
        (lambda run: nnlab.doctor(run, lr=3), "A run has its own data and settings; leave out"),
    ],
)
def test_an_argument_that_does_not_fit_is_named(run, call, words):
    with pytest.raises(UsageError, match=f"^{re.escape(words)}"):
        call(run)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: nnlab.sweep(XOR, 3), "axes are a mapping such as .*, and not int"),
        (lambda: nnlab.tune(XOR, 3), "a search is a file, or a mapping of settings, and not int"),
        (lambda: nnlab.descend(3), "a race is a path, .*, and not int"),
        (lambda: nnlab.compare(3, 4), "a run is a Run, a folder, .*, and not int"),
        (lambda: nnlab.gradcheck(XOR, [[0, 1]]), "gradcheck of a config takes its rows as data="),
    ],
)
def test_an_object_of_another_kind_is_named(call, words):
    with pytest.raises(TypeError, match=f"^{words}"):
        call()


def test_numbers_of_numpy_are_numbers(run):
    (explanation,) = nnlab.explain(run, np.int64(1), np.int64(2))
    assert explanation.to_dict()["row"] == 1


def test_members_of_catalogues_are_settings(folder):
    layers = [nnlab.LAYERS["dense"](3), "tanh", nnlab.LAYERS["dense"](1), "sigmoid"]
    config = {"data": nnlab.SOURCES["xor"](), "network": layers, "loss": nnlab.LOSSES["bce"]()}
    adam = nnlab.OPTIMIZERS["adam"](lr=0.5)
    run = nnlab.train(config, optimizer=adam, epochs=1, runs=folder)
    same = nnlab.train(XOR, optimizer={"adam": 0.5}, epochs=1, runs=folder)
    assert run.config.optimizer == adam
    assert run.config.network == same.config.network
    assert (
        nnlab.train(config, data=nnlab.SOURCES["xor"](), epochs=0, runs=folder).data.name == "xor"
    )
    sweep = nnlab.sweep(XOR, {"optimizer": [adam]}, epochs=1, runs=folder, jobs=1)
    assert sweep.runs[0].config.optimizer == adam


def test_a_race_by_its_object_is_verified(folder):
    runs = [{"optimizer": nnlab.OPTIMIZERS["sgd"](lr=0.001), "steps": 3}]
    race = nnlab.descend({"function": "rosenbrock", "runs": runs}, runs=folder)
    assert nnlab.verify(race).good
