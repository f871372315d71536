"""Tables of users, from the file to the answers: what is refused, warned of, and read alike."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result

from nnlab.experiment.resume import rebuild
from nnlab.run.folder import RunFolder
from nnlab.run.run import Run

Nnlab = Callable[..., Result]
CONFIGS = Path(__file__).parents[2] / "configs"

CLASSES = "network: [{dense: N}, softmax]\nloss: cross_entropy\n"
BINARY = "network: [{dense: 1}, sigmoid]\nloss: bce\n"
NUMBER = "network: [{dense: 1}]\nloss: mse\n"
LABELS = "network: [{dense: 2}, sigmoid]\nloss: bce\noptimizer: {adam: 0.1}\n"


def rows(header: str, *lines: str, times: int = 1) -> str:
    return "\n".join([*([header] if header else []), *(lines * times), ""])


def write(folder: Path, table: str | bytes, settings: str, rest: str) -> None:
    (folder / "t.csv").write_bytes(table.encode() if isinstance(table, str) else table)
    training = "training: {epochs: 1, dtype: float64}\n"
    (folder / "t.yaml").write_text(
        f"data: {{name: csv, path: t.csv, {settings}}}\n{rest}{training}"
    )


def trained(nnlab: Nnlab, folder: Path, *options: str) -> Path:
    """The folder of the only run, of t.yaml."""
    result = nnlab("train", "t.yaml", "--no-plots", *options)
    assert result.exit_code == 0, result.stderr
    (run,) = (folder / "runs").iterdir()
    return run


# --- small inputs that were read wrongly ---------------------------------------------------------

COUNTED = [f"{i / 10},{chr(97 + i % 3)}" for i in range(20)]
SORTED = rows("a,y", *sorted(COUNTED, key=lambda line: line[-1]))
LETTERS = rows("a,b,y", *(f"{i / 26:.3f},{i / 52:.3f},{i}" for i in range(26)))
TWO = rows("a,b,u,v", "-1,1,0,0", "1,-1,1,0", "0.5,0.5,1,1")


def test_a_table_that_is_refused(nnlab: Nnlab, tmp_path: Path) -> None:
    """tests/data/test_csv.py has the messages."""
    write(tmp_path, "a;b;y\n1;2;0\n3;4;1\n", "target: y", BINARY)
    for command in (["check", "t.yaml"], ["train", "t.yaml", "--no-plots"]):
        result = nnlab(*command)
        assert (result.exit_code, result.stdout) == (3, "")
        assert result.stderr == (
            f"{tmp_path / 't.csv'} has no target column 'y'; its columns are 'a;b;y'. The cells "
            "look separated by ';': set delimiter: \";\".\n"
        )


def test_a_config_that_should_name_the_task(nnlab: Nnlab, tmp_path: Path) -> None:
    write(tmp_path, LETTERS, "target: y", CLASSES.replace("N", "26"))
    result = nnlab("check", "t.yaml")
    assert result.exit_code == 2
    assert "    allowed: 1, or data.task: classes\n" in result.stderr
    assert (
        "    allowed: data.task: classes; or the losses mse, mae, huber, log_cosh, quantile\n"
        in result.stderr
    )
    trained(nnlab, tmp_path, "--set", "data.task=classes")


@pytest.mark.parametrize(
    "labels", [np.arange(6)[:, None] % 3, np.eye(3)[np.arange(6) % 3]], ids=["column", "one-hot"]
)
def test_labels_of_an_array_that_should_name_the_task(
    nnlab: Nnlab, tmp_path: Path, labels: Any
) -> None:
    np.savez(tmp_path / "t.npz", x=np.arange(12.0).reshape(6, 2), y=labels)
    config = "data: {name: npz, path: t.npz}\n" + CLASSES.replace("N", "3")
    (tmp_path / "t.yaml").write_text(config)
    result = nnlab("check", "t.yaml")
    assert result.exit_code == 2
    assert (
        "    allowed: data.task: classes; or the losses mse, mae, huber, log_cosh, quantile\n"
        in result.stderr
    )
    trained(nnlab, tmp_path, "--set", "data.task=classes")
    own, file = (
        json.loads(nnlab("evaluate", "latest", "--data", name, "--json").stdout)
        for name in ("train", "t.npz")
    )
    assert (own["rows"], own["confusion"]) == (6, file["confusion"])


@pytest.mark.parametrize("settings", ["target: [u, v]", "target: [u, v], task: multilabel"])
def test_several_labels_at_once(nnlab: Nnlab, tmp_path: Path, settings: str) -> None:
    """With bce, several target columns are labels: all labels of a right row are right."""
    write(tmp_path, TWO, settings, LABELS)
    run = RunFolder(trained(nnlab, tmp_path, "--set", "epochs=30"))
    assert "task: multilabel" in run.read_text("resolved.yaml")
    found = json.loads(nnlab("evaluate", "latest", "--data", "t.csv", "--json").stdout)
    text = nnlab("predict", "latest", "t.csv").stdout
    header, *lines = csv.reader(io.StringIO(text))
    outputs, targets = np.array(lines, float), np.array([[0, 0], [1, 0], [1, 1]])
    assert header == ["u", "v"]
    assert found["accuracy"] == ((outputs >= 0.5) == targets).all(axis=1).mean()
    per_output = -np.log(np.where(targets == 1, outputs, 1 - outputs))
    assert found["loss"] == pytest.approx(per_output.mean(), rel=1e-6)


def test_labels_are_0_or_1(nnlab: Nnlab, tmp_path: Path) -> None:
    sentence = "2 is no label. With task: multilabel a target is 0 or 1.\n"
    write(tmp_path, TWO.replace("1,1\n", "1,2\n"), "target: [u, v]", LABELS)
    result = nnlab("check", "t.yaml")
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr == f"{tmp_path / 't.csv'}, line 4, column 'v': {sentence}"
    y = np.array([[0, 1], [1, 2]])
    np.savez(tmp_path / "t.npz", x=np.eye(2), y=y)
    data = "data: {name: npz, path: t.npz, task: multilabel}\n"
    (tmp_path / "t.yaml").write_text(data + LABELS)
    result = nnlab("check", "t.yaml")
    where = f"{tmp_path / 't.npz'}, array 'y', row 1, column 1 (counted from 0)"
    assert (result.exit_code, result.stderr) == (3, f"{where}: {sentence}")


def test_labels_are_no_classes(nnlab: Nnlab, tmp_path: Path) -> None:
    several = "network: [{dense: 2}, softmax]\nloss: cross_entropy\n"
    write(tmp_path, TWO, "target: [u, v], task: multilabel", several)
    result = nnlab("check", "t.yaml")
    assert result.exit_code == 2
    assert "cross_entropy needs one class per row, and these rows have labels." in result.stderr


def test_balanced_weights_need_a_row_of_each_class(nnlab: Nnlab, tmp_path: Path) -> None:
    balanced = "network: [{dense: 3}, softmax]\nloss: {cross_entropy: {class_weight: balanced}}\n"
    write(tmp_path, SORTED, "target: y, validation: 6, split: ordered", balanced)
    for command in (["check", "t.yaml"], ["train", "t.yaml", "--no-plots"]):
        result = nnlab(*command)
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr == (
            "loss.class_weight: balanced has no weight for a class without rows. Class 'c' has no "
            "row in the training part. Set data.split: shuffled, another data.seed, or "
            "class_weight to a list.\n"
        )


def test_labels_that_differ_in_case_are_named(nnlab: Nnlab, tmp_path: Path) -> None:
    table = rows("a,y", "1,yes", "2,no", "3,Yes", "4,NO")
    write(tmp_path, table, "target: y", CLASSES.replace("N", "2"))
    result = nnlab("check", "t.yaml")
    assert result.stderr.startswith(
        "t.yaml:2:19: the network's output is 2 numbers wide, but the data has 4 classes: 'NO', "
        "'Yes', 'no', 'yes'. Classes that look the same: 'NO', 'no', and 'Yes', 'yes'. They count "
        "as 4 classes; write each in one way to make them one.\n"
    )


# --- class names --------------------------------------------------------------------------------


def test_class_names(nnlab: Nnlab, tmp_path: Path) -> None:
    """The texts of the file, in evaluate and predict; tests/data/test_csv.py has their order."""
    write(
        tmp_path, rows("a,y", "0,02134", "1,00501", times=2), "target: y", CLASSES.replace("N", "2")
    )
    trained(nnlab, tmp_path)
    found = json.loads(nnlab("evaluate", "latest", "--data", "t.csv", "--json").stdout)
    assert [(row["class"], row["support"]) for row in found["classes"]] == [
        *(("00501", 2), ("02134", 2))
    ]
    header, *lines = csv.reader(io.StringIO(nnlab("predict", "latest", "t.csv").stdout))
    assert (header, len(lines)) == (["00501", "02134", "predicted"], 4)


# --- training, evaluate and predict read a table alike ------------------------------------------

NASTY = {
    "plain": ("a,b,y\n1,2,0.5\n3,4,1.5\n5,7,2\n", "target: y", NUMBER),
    "no header": ("1,2,0.5\n3,4,1.5\n5,7,2\n", "target: 2, header: false", NUMBER),
    "no header, target first": ("r,1\ns,3\nr,5\n", "target: 0, header: false", BINARY),
    "no header, ignored in the middle": (
        "1,q,2,0.5\n3,r,4,1.5\n5,s,7,2\n",
        "target: 3, ignore: [1], header: false",
        NUMBER,
    ),
    "names that are numbers": ("2019,2020,y\n1,2,0.5\n3,4,1.5\n", "target: y", NUMBER),
    "only numbers for names": ("0,1,2\n1,2,0.5\n3,4,1.5\n", "target: '2'", NUMBER),
    "target in front": ("y,a\nr,1\ns,2\nr,3\n", "target: y", BINARY),
    "categories": ("c,a,y\nred,1,0\nblue,2,1\nred,3,1\n", "target: y, categorical: [c]", BINARY),
    "categories by number, no header": (
        "red,1,0\nblue,2,1\nred,3,1\n",
        "target: 2, categorical: [0], header: false",
        BINARY,
    ),
    "a category with an equals sign": (
        "c=d,a,y\nx=y,1,0\nx,2,1\nx=y,3,1\n",
        "target: y, categorical: ['c=d']",
        BINARY,
    ),
    "holes": ("a,b,y\n1,,0.5\n,4,1.5\n5,7,2\n", "target: y, missing: mean", NUMBER),
    "holes of many kinds": (
        "a,b,y\n1,-,0.5\nNone,4,1.5\nn/a,7,2\n", "target: y, missing: mean", NUMBER
    ),
    "holes in categories": (
        "c,a,y\nred,1,0\n,2,1\nblue,,1\nred,4,0\n",
        "target: y, categorical: [c], missing: mean",
        BINARY,
    ),
    "no header, holes": (
        "1,,0.5\n,4,1.5\n5,7,2\n", "target: 2, header: false, missing: mean", NUMBER
    ),
    "dropped": ("a,b,y\n1,,0.5\n3,4,1.5\n5,7,2\n5,7,NA\n", "target: y, missing: drop", NUMBER),
    "semicolons, decimal commas": (
        "a;b;y\n1,5;2;0,5\n3;4,25;1,5\n5;7;2\n",
        "target: y, delimiter: ';', decimal: ','",
        NUMBER,
    ),
    "tabs": ("a\tb\ty\n1\t2\t0.5\n3\t4\t1.5\n", r"target: y, delimiter: \t", NUMBER),
    "blanks": ("  a   b y\n1 2    0.5\n 3 \t4 1.5 \n", "target: y, delimiter: ' '", NUMBER),
    "bars": ("a|b|y\n1|2|0.5\n3|4|1.5\n", "target: y, delimiter: '|'", NUMBER),
    "quotes, blanks, byte order mark": (
        '\ufeffa,"b, c",y\r\n 1 ,"2",r\r\n\r\n3, 4 ,"s"\r\n',
        "target: y",
        BINARY,
    ),
    "codes": ("a,y\n1,02134\n2,00501\n3,02134\n", "target: y, task: classes", BINARY),
    "codes and numbers": ("a,y\n1,01\n2,1\n3,01\n", "target: y, task: classes", BINARY),
    "spelled in two ways": ("a,y\n1,1\n2,1.0\n3,0\n", "target: y", BINARY),
    "huge labels": ("a,y\n1,9007199254740992\n2,9007199254740993\n", "target: y", BINARY),
    "two targets": (
        "u,a,v\n1,2,0.5\n3,4,1.5\n", "target: [v, u]", NUMBER.replace("1", "2")
    ),
    "missing target in new rows": ("a,y\n1,0.5\n2,1.5\n", "target: y, missing: mean", NUMBER),
}  # fmt: skip


@pytest.mark.parametrize("name", NASTY)
def test_a_table_is_read_alike_everywhere(nnlab: Nnlab, tmp_path: Path, name: str) -> None:
    """Training, evaluate and predict see the same rows, and the schema comes back from the run."""
    table, settings, rest = NASTY[name]
    write(tmp_path, table, f"scale: standardize, {settings}", rest)
    run = Run(trained(nnlab, tmp_path))
    built = rebuild(run)
    again = run.schema.dataset(tmp_path / "t.csv")
    np.testing.assert_array_equal(again.inputs, built.dataset.inputs)
    np.testing.assert_array_equal(again.targets, built.dataset.targets)
    assert run.schema.columns == built.dataset.columns
    own, file = (
        json.loads(nnlab("evaluate", "latest", "--data", data, "--json").stdout)
        for data in ("train", "t.csv")
    )
    assert {**own, "part": ""} == {**file, "part": ""}
    printed = nnlab("predict", "latest", "t.csv")
    if "missing: drop" in settings:
        assert printed.exit_code == 3
        assert "line 2, column 'b': the cell is missing. Fill it" in printed.stderr
    else:
        answers = [line.split(",") for line in printed.stdout.splitlines()[1:]]
        expected = run.predict(built.dataset.inputs)
        outputs = np.array([answer[: expected.shape[1]] for answer in answers], np.float64)
        np.testing.assert_array_equal(outputs, expected)
    assert Run(without_columns(run.path)).schema == run.schema


def without_columns(run: Path) -> Path:
    """The run as an older version left it: data.json lists inputs and not columns."""
    content = json.loads((run / "data.json").read_text())
    del content["columns"]
    (run / "data.json").write_text(json.dumps(content))
    return run


def test_holes_are_filled_though_training_had_none(nnlab: Nnlab, tmp_path: Path) -> None:
    table = "c,a,y\nred,1,0.5\nblue,3,1.5\nred,8,2.5\n"
    write(tmp_path, table, "target: y, categorical: [c], missing: mean", NUMBER)
    saved = Run(trained(nnlab, tmp_path))
    (tmp_path / "new.csv").write_text("c,a\n,\nred,4\n")
    result = nnlab("predict", "latest", "new.csv")
    assert result.exit_code == 0, result.stderr
    # The mean of a category is the share of each value.
    expected = saved.predict([[1 / 3, 2 / 3, 4], [0, 1, 4]])
    assert [float(line) for line in result.stdout.split()[1:]] == expected[:, 0].tolist()


def test_a_run_of_old_that_had_no_hole_says_so(nnlab: Nnlab, tmp_path: Path) -> None:
    write(tmp_path, NASTY["plain"][0], "target: y, missing: mean", NUMBER)
    folder = trained(nnlab, tmp_path)
    content = json.loads((folder / "data.json").read_text())
    content["scaling"]["fill"] = None
    (folder / "data.json").write_text(json.dumps(content))
    (tmp_path / "new.csv").write_text("a,b\n1,\n")
    result = nnlab("predict", "latest", "new.csv")
    assert (result.exit_code, result.stderr) == (
        3,
        "new.csv, line 2, column 'b': the cell is missing. Fill it: the run was not trained to "
        "fill it in.\n",
    )


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ("x", "data.json: columns is 'x'. Allowed: a list of a mapping."),
        ([{"name": 1, "categories": None}], "data.json: columns.0.name is 1. Allowed: a text."),
        ([{}], "data.json: columns.0 needs 'name'. Allowed: a text."),
        (
            [{"name": "a", "categories": None}],
            "the columns in data.json have 1 inputs, and the network takes 2.",
        ),
    ],
)
def test_columns_that_cannot_be(
    nnlab: Nnlab, tmp_path: Path, columns: object, message: str
) -> None:
    write(tmp_path, NASTY["plain"][0], "target: y", NUMBER)
    folder = trained(nnlab, tmp_path)
    content = json.loads((folder / "data.json").read_text())
    (folder / "data.json").write_text(json.dumps({**content, "columns": columns}))
    result = nnlab("predict", "latest", "t.csv")
    assert result.exit_code == 6
    assert result.stderr.endswith(f"{message}\n")


def test_a_repeated_name_in_new_rows(nnlab: Nnlab, tmp_path: Path) -> None:
    """Where training left a column out by its number, another file may be laid out otherwise."""
    write(tmp_path, "a,a,y\n1,9,0.5\n3,9,1.5\n", "target: y, ignore: [1]", NUMBER)
    trained(nnlab, tmp_path)
    result = nnlab("predict", "latest", "t.csv")
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr == (
        "t.csv, line 1: 2 columns are named 'a' (numbers 0, 1, counted from 0). Give each a name "
        "of its own.\n"
    )


# --- warnings -----------------------------------------------------------------------------------

WIDE = [f"{i * 37 % 40},{i * 11 % 23},{i % 2}" for i in range(40)]
WARNED = {
    "sorted": (SORTED, "target: y, validation: 6, split: ordered", CLASSES.replace("N", "3"), [
        "Class 'c' has no row in the training part, so it cannot be learned. Set data.split: "
        "shuffled, or sort the rows otherwise.",
        "Classes 'a', 'b' have no row in the validation part, so the metrics of this part "
        "say nothing about them. Set data.split: shuffled, or sort the rows otherwise.",
    ]),
    "a rare class": (
        rows("a,y", *(f"{i * 7 % 50},{'fraud' if i < 1 else 'ok'}" for i in range(50))),
        "target: y, test: 0.1, seed: 1",
        BINARY,
        [
            "Class 'fraud' has no row in the test part, so the metrics of this part "
            "say nothing about it. "
            "Set another data.seed, or give the class more rows."
        ],
    ),
    "prices": (
        rows("sqm,rooms,price", *(f"{50 + i},{1 + i % 5},{200000 + 3000 * i}" for i in range(40))),
        "target: price",
        NUMBER,
        [
            "The target 'price' is not scaled: its numbers are about 261,000, and a fresh network "
            "answers about 1, so that the first updates are far too large. Set "
            "data.scale_target: standardize, or divide the target by 100,000 in the file."
        ],
    ),
    "tiny numbers": (rows("a,y", *(f"{i},{i}e-6" for i in range(1, 9))), "target: y", NUMBER, [
        "The target 'y' is not scaled: its numbers are about 5.05e-06, and a fresh network answers "
        "about 1, so that errors of the loss look small. Set data.scale_target: standardize, or "
        "multiply the target by 1,000,000 in the file."
    ]),
    "case": (rows("a,y", *["1,yes", "2,no", "3,Yes"] * 2), "target: y", CLASSES.replace("N", "3"), [
        "Classes that look the same: 'Yes', 'yes'. They count as 3 classes; write each in one way "
        "to make them one."
    ]),
    "id": (
        rows("PassengerId,a,b,y", *(f"{1000 + i},{line}" for i, line in enumerate(WIDE))),
        "target: y",
        BINARY,
        [
            "Column 'PassengerId' is different in every row, as an id is, from which nothing can "
            "be learned. Leave it out: data.ignore: [PassengerId]."
        ],
    ),
    "row numbers": (
        rows("n,a,b,y", *(f"{i},{line}" for i, line in enumerate(WIDE))),
        "target: y",
        BINARY,
        [
            "Column 'n' is different in every row, as an id is, from which nothing can be learned. "
            "Leave it out: data.ignore: [n]."
        ],
    ),
    "names": (
        rows("who,a,b,y", *(f"p{i},{line}" for i, line in enumerate(WIDE))),
        "target: y, categorical: [who]",
        BINARY,
        [
            "Column 'who' has 40 categories in 40 rows, as names and ids have. Leave it out: "
            "data.ignore: [who]."
        ],
    ),
    "sentinel": (
        rows("c,a,b,y", *(f"{i % 7 if i % 8 else -999},{line}" for i, line in enumerate(WIDE))),
        "target: y",
        BINARY,
        [
            "Column 'c' holds -999, far from its other numbers, as a sign for missing cells. Set "
            "data.missing_values: [-999] and data.missing: mean or drop."
        ],
    ),
    "sizes": (
        rows("income,a,b,y", *(f"{20000 + i * 7919 % 50000},{row}" for i, row in enumerate(WIDE))),
        "target: y",
        BINARY,
        [
            "Columns are of very different size: 'income' is about 45,600, 'b' is about 13.3. Set "
            "data.scale: standardize."
        ],
    ),
    "sentinel in the target": (
        rows("a,b,y", *(f"{i},{i * 11 % 23},{i / 7 if i != 5 else -999}" for i in range(4, 40))),
        "target: y",
        NUMBER,
        [
            "The target 'y' holds -999, far from its other numbers, as a sign for missing cells. "
            "Set data.missing_values: [-999] and data.missing: drop."
        ],
    ),
    "categories": (rows("c,y", *["R,1", "r,0", "b,1"] * 2), "target: y, categorical: [0]", BINARY, [
        "Column 'c': categories that look the same: 'R', 'r'. They count as 3 categories; "
        "write each in one way to make them one."
    ]),
    "years or values": (
        rows("city,2019,2020", "a,1,0.5", "b,2,1.5"), "target: 2, categorical: [0]", NUMBER, [
            "{t}: line 1 is taken for the names of columns: 'city', '2019', '2020'. Set header: "
            "false if it is a row."
        ],
    ),
    "dropped": (NASTY["dropped"][0], "target: y, missing: drop", NUMBER, [
        "{t}: missing: drop left out 2 of 4 rows."
    ]),
}  # fmt: skip


@pytest.mark.parametrize("name", WARNED)
def test_what_looks_suspicious_is_said(nnlab: Nnlab, tmp_path: Path, name: str) -> None:
    """By check and train alike, on stderr; run.json keeps it."""
    table, settings, rest, sentences = WARNED[name]
    write(tmp_path, table, settings, rest)
    wanted = [one.replace("{t}", str(tmp_path / "t.csv")) for one in sentences]
    checked = nnlab("check", "t.yaml")
    assert checked.exit_code == 0
    assert checked.stderr == "".join(f"Warning: {one}\n" for one in wanted)
    assert checked.stdout.startswith("OK: t.yaml\n")
    result = nnlab("train", "t.yaml", "--no-plots")
    lines = [line for line in result.stderr.splitlines() if line.startswith("Warning: ")]
    assert lines == [f"Warning: {one}" for one in wanted]
    (folder,) = (tmp_path / "runs").iterdir()
    assert RunFolder.open(folder).read_json("run.json")["warnings"] == wanted


@pytest.mark.parametrize(
    ("config", "settings", "stayed"),
    [
        ("digits_linear", ["epochs=12", "lr=1e-9"], "0.487 in the last 12"),
        # Weights of zero leave a bias, which learns the larger class: another answer than at first.
        ("digits_zeros", [], "0.504 in the last 18"),
        ("digits_linear", ["epochs=9", "lr=1e-9"], None),
        ("digits_linear", [], None),
    ],
)
def test_a_network_that_does_not_learn_is_said(
    nnlab: Nnlab, tmp_path: Path, config: str, settings: list[str], stayed: str | None
) -> None:
    options = [word for setting in settings for word in ("--set", setting)]
    result = nnlab("train", config, "--no-plots", *options)
    sentences = [
        f"The training accuracy stayed at {stayed} epochs, no better than before training or than "
        "the largest class alone. nnlab doctor looks for the reason, and says what to try."
    ]
    if stayed is None:
        sentences = []
    assert result.exit_code == 0
    warned = [line for line in result.stderr.splitlines() if line.startswith("Warning: ")]
    assert warned == [f"Warning: {sentence}" for sentence in sentences]
    (folder,) = (tmp_path / "runs").iterdir()
    assert RunFolder.open(folder).read_json("run.json")["warnings"] == sentences


def test_rows_are_numbered_as_in_the_file(nnlab: Nnlab, tmp_path: Path) -> None:
    """Also where missing: drop left some out, of the run's own file and of a new one."""
    write(
        tmp_path, rows("a,y", "1,0.5", ",1", "3,2", "4,", "5,4"), "target: y, missing: drop", NUMBER
    )
    trained(nnlab, tmp_path)
    for file in ([], ["t.csv"]):
        result = nnlab("predict", "latest", *file, "--targets")
        table = [line[:2] for line in csv.reader(io.StringIO(result.stdout))]
        assert table == [["row", "target"], ["1", "0.5"], ["3", "2.0"], ["5", "4.0"]]


def test_one_hot_columns_lead_to_one_column(nnlab: Nnlab, tmp_path: Path) -> None:
    table = rows("a,u,v,w", "1,1,0,0", "2,0,1,0", "3,0,0,1")
    write(tmp_path, table, "target: [u, v, w]", CLASSES.replace("N", "3"))
    assert "allowed: a single target column that names the class of each row" in (
        nnlab("check", "t.yaml").stderr
    )


@pytest.mark.parametrize(
    ("divisor", "settings", "said"),
    [
        (1, [], True),
        (1, ["epochs=9"], False),
        (1e9, [], True),
        (250, ["data.scale=unit", "epochs=200", "lr=0.1"], False),
    ],
)
def test_a_regression_that_does_not_learn_is_said(
    nnlab: Nnlab, tmp_path: Path, divisor: float, settings: list[str], said: bool
) -> None:
    """Targets of about 250 are below the size that is warned of; sgd fails for them too."""
    table = rows("sqm,y", *(f"{50 + i},{(200 + 3 * i) / divisor}" for i in range(40)))
    write(tmp_path, table, "target: y", "network: [{dense: 8}, relu, {dense: 1}]\nloss: mse\n")
    options = [word for setting in ("epochs=20", *settings) for word in ("--set", setting)]
    result = nnlab("train", "t.yaml", "--no-plots", *options)
    (folder,) = (tmp_path / "runs").iterdir()
    warned = RunFolder.open(folder).read_json("run.json")["warnings"]
    assert result.exit_code == 0
    start = "After 20 epochs the outputs are no better than the mean of the training targets"
    assert sum(line.startswith(start) for line in warned) == said


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "diabetes"])
@pytest.mark.parametrize("scale", ["none", "standardize"])
def test_no_false_alarm_on_well_known_tables(
    nnlab: Nnlab, tmp_path: Path, name: str, scale: str
) -> None:
    from sklearn import datasets

    table = getattr(datasets, f"load_{name}")(**({"scaled": False} if name == "diabetes" else {}))
    with (tmp_path / "t.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*table.feature_names, "target"])
        writer.writerows([*x, y] for x, y in zip(table.data, table.target, strict=True))
    rest = NUMBER if name == "diabetes" else CLASSES.replace("N", str(len(table.target_names)))
    write_config = f"data: {{name: csv, path: t.csv, target: target, scale: {scale}, test: 0.2}}\n"
    (tmp_path / "t.yaml").write_text(write_config + rest)
    result = nnlab("check", "t.yaml")
    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_no_false_alarm_on_shipped_configs(nnlab: Nnlab, path: Path) -> None:
    result = nnlab("check", str(path))
    if path.stem != "landscape":  # a race
        assert (result.exit_code, result.stderr) == (0, "")
