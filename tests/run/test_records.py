"""metrics.csv keeps every bit."""

import math
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnlab.errors import RunUnreadable
from nnlab.run import records


def test_text_of_a_table(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    records.append_rows(path, [{"epoch": 0, "lr": None, "loss": 0.1}])
    records.append_rows(
        path,
        [
            {"epoch": np.int64(1), "lr": 1e-3, "loss": np.float64(1) / 3},
            {"loss": math.inf, "epoch": 2},
        ],
    )
    assert path.read_text() == "epoch,lr,loss\n0,,0.1\n1,0.001,0.3333333333333333\n2,,inf\n"


def test_columns_have_types(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    records.append_rows(path, [{"epoch": 0, "lr": None, "note": "a,b"}, {"epoch": 1, "lr": 1.0}])
    table = records.read_table(path)
    assert list(table) == ["epoch", "lr", "note"]
    assert isinstance(table["epoch"], np.ndarray)
    assert table["epoch"].dtype == np.int64
    np.testing.assert_array_equal(table["lr"], [math.nan, 1.0])
    assert table["note"] == ["a,b", ""]


@given(values=st.lists(st.floats(), min_size=1))
def test_floats_come_back_bit_for_bit(
    tmp_path_factory: pytest.TempPathFactory, values: list[float]
) -> None:
    path = tmp_path_factory.mktemp("records") / "metrics.csv"
    records.append_rows(path, [{"epoch": i, "x": value} for i, value in enumerate(values)])
    column = records.read_table(path)["x"]
    assert isinstance(column, np.ndarray)
    assert column.dtype == np.float64
    for value, got in zip(values, column, strict=True):
        same = struct.pack("<d", value) == struct.pack("<d", got)
        assert same or (math.isnan(value) and math.isnan(got))


@pytest.mark.parametrize("text", ["", "epoch,lo", "epoch,loss\n", "epoch,loss\n1"])
def test_no_whole_row(tmp_path: Path, text: str) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text(text)
    assert all(len(column) == 0 for column in records.read_table(path).values())
    assert records.last_row(path) == {}


def test_missing_table_is_empty(tmp_path: Path) -> None:
    assert records.read_table(tmp_path / "steps.csv") == {}
    assert records.last_row(tmp_path / "steps.csv") == {}
    assert records.table_size(tmp_path / "steps.csv") == 0


def test_cut_last_row_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("epoch,loss\n1,0.5\n2,0.2")
    np.testing.assert_array_equal(records.read_table(path)["epoch"], [1])
    assert records.last_row(path) == {"epoch": 1, "loss": 0.5}


def test_size_is_that_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    records.append_rows(path, [{"epoch": 1}])
    assert records.table_size(path) == len("epoch\n1\n")


def test_unknown_column_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    records.append_rows(path, [{"epoch": 1}])
    with pytest.raises(ValueError, match=r"metrics\.csv has no column loss"):
        records.append_rows(path, [{"epoch": 2, "loss": 1.0}])
    assert path.read_text() == "epoch\n1\n"


@pytest.mark.parametrize(
    "text",
    [
        *("a\n1\n2\n", "a,b\n1,nan\n-3,1e400\n", "a\n1\n2.5\n", "a\n2.5\n1\n", "a,a\n1,2\n"),
        *("a,\n1,2\n", "a\n", "\n1\n", "a\n\n1\n", "a\n1\n\n2\n", "a,b\n1,\n,2\n", 'a\n1\n"2"\n'),
        *(
            '"a"\n1\n',
            "a\n1\n\r\n",
            "a\n1_0\n",
            "a\n1\n9223372036854775808\n",
            "a\n1\nx\n",
            "a,b\n1\n",
        ),
    ],
)
def test_numbers_read_as_any_cells(text: str, tmp_path: Path) -> None:
    """The quick way for tables of numbers gives what the csv module gives, or the same error."""

    def outcome(read: Callable[[], dict[str, records.Column]]) -> str:
        try:
            table = {name: np.asarray(column) for name, column in read().items()}
        except RunUnreadable as error:
            return str(error)
        return str({name: (column.dtype, column.tolist()) for name, column in table.items()})

    path = tmp_path / "t.csv"
    path.write_bytes(text.encode())
    cells = outcome(lambda: records._cells(text.encode(), path, None))
    assert outcome(lambda: records.read_table(path)) == cells


@pytest.mark.parametrize("later", ["2.5", "nan", "1e3", str(2**63)])
def test_numbers_ask_numpy_for_integers_only_of_integers(
    later: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NumPy 2.0 to 2.3 would read each of these as some integer."""
    monkeypatch.setattr(np, "loadtxt", lambda *_, **__: pytest.fail("NumPy was asked"))
    for text in (f"a\n1\n{later}\n", f"a,b,c\n0.5,1,2.5\n1.5,{later},2.5\n"):
        with pytest.raises(ValueError, match=r"^$"):
            records._numbers(text)


@pytest.mark.parametrize("rows", [[], ()])
def test_no_rows_make_no_file(tmp_path: Path, rows: Any) -> None:
    records.append_rows(tmp_path / "metrics.csv", rows)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"a,b\n1\n", "row 2 has 1 cells, the header has 2"),
        (b"a,b\n\xff,1\n", "can't decode byte 0xff"),
        (b"a,b\n" + b"9" * 200_000 + b",1\n", "field larger than field limit"),
    ],
)
def test_damaged_table(tmp_path: Path, data: bytes, reason: str) -> None:
    path = tmp_path / "metrics.csv"
    path.write_bytes(data)
    with pytest.raises(RunUnreadable) as caught:
        records.read_table(path)
    assert str(caught.value).startswith(f"Cannot read {path}: ")
    assert reason in str(caught.value)


def test_numbers_beyond_the_types_become_inf(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("a,b\n" + "9" * 400 + "," + "9" * 5000 + "\n")
    table = records.read_table(path)
    np.testing.assert_array_equal(table["a"], [math.inf])
    np.testing.assert_array_equal(table["b"], [math.inf])


def test_a_growing_table_is_the_whole_table(tmp_path: Path) -> None:
    """Whatever comes: rows, a part of a row, empty cells, text, and other rows in their place."""
    path = tmp_path / "metrics.csv"
    table = records.GrowingTable(path)
    additions = ["", "epoch,loss\n", "0,1\n", "1,2\n2,", "0.5\n", "3,inf\n4,\n", "5,0.1\n" * 3]
    for text in [*additions, '6,"a\nb"\n', "7,1\n"]:
        with path.open("a") as file:
            file.write(text)
        assert_same(table.read(), records.read_table(path))
    for text in ["epoch,loss\n0,1\n1,3\n2,5\n3,7\n", "epoch,loss\n0,1\n1,4\n2,6\n3,8\n4,9\n", ""]:
        path.write_text(text)  # as after a resume
        assert_same(table.read(), records.read_table(path))
    path.write_text("epoch,loss\n0,1\n")
    table.read()
    path.write_text("epoch,loss\n0,1\n1\n")
    with pytest.raises(RunUnreadable, match="row 3 has 1 cells"):
        table.read()
    path.unlink()
    assert table.read() == {}


def assert_same(table: dict[str, Any], whole: dict[str, Any]) -> None:
    """Names, types and values."""
    assert list(table) == list(whole)
    for name, column in whole.items():
        assert np.asarray(table[name]).dtype == np.asarray(column).dtype
        np.testing.assert_array_equal(table[name], column)


def test_a_growing_table_reads_a_row_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, sizes = tmp_path / "metrics.csv", list[int]()
    records.append_rows(path, [{"epoch": i, "loss": 1 / (i + 1)} for i in range(1000)])
    table = records.GrowingTable(path)
    table.read()
    read_file = records.durable.read_file

    def read(*args: Any, **named: Any) -> bytes:
        data: bytes = read_file(*args, **named)
        sizes.append(len(data))
        return data

    monkeypatch.setattr(records.durable, "read_file", read)
    for i in range(1000, 1003):
        records.append_rows(path, [{"epoch": i, "loss": 0.5}])
        table.read()
        assert records.last_row(path) == {"epoch": i, "loss": 0.5}
    assert len(table.read()["loss"]) == 1003
    assert max(sizes[::2]) < 50
    assert max(sizes) <= records.TAIL
