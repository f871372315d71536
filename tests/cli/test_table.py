"""Tables of text and numbers."""

import math

import pytest

from nnlab.show.text_tables import Cell, format_cells, format_records, format_table


@pytest.mark.parametrize(
    ("cells", "texts"),
    [
        ([], []),
        ([1, 20000], ["1", "20000"]),
        ([0.5, 1.0], ["0.5000", "1.0000"]),
        ([1.0, 12.5], ["1.000", "12.500"]),
        ([0.0123456, 2.0], ["0.01235", "2.00000"]),
        ([123456.789], ["123456.8"]),
        ([0.0], ["0.000"]),
        ([0.5, 1e-9, 3.5e287, -2e8], ["0.5000", "1.000e-09", "3.500e+287", "-2.000e+08"]),
        ([None, math.nan, math.inf, 0.5], ["-", "-", "-", "0.5000"]),
        (["a\x1b[0m", "b\nc"], ["a\\x1b[0m", "b\\nc"]),
    ],
)
def test_a_column_has_one_format(cells: list[Cell], texts: list[str]) -> None:
    assert format_cells(cells) == texts


def test_text_to_the_left_numbers_to_the_right() -> None:
    assert format_table(["name", "size"], [["a", 1], ["longer", 100]]) == (
        "name    size\n"
        "a          1\n"
        "longer   100"
    )  # fmt: skip


def test_wide_and_combining_letters_keep_the_columns() -> None:
    lines = format_table(["n", "x"], [["日本", 1], ["e\u0301", 2]]).splitlines()
    assert lines == ["n     x", "日本  1", "e\u0301     2"]


def test_records_leave_out_empty_columns() -> None:
    assert format_records([{"a": 1, "b": None}, {"a": None, "b": None, "c": "x"}]) == (
        "a  c\n"
        "1  -\n"
        "-  x"
    )  # fmt: skip


def test_a_text_at_the_end_is_broken_between_words_to_fit() -> None:
    rows = [("fit", "no", "it is for a regression of one input"), ("lr", "no", "never")]
    assert format_table(("figure", "suits", "why"), rows, 30) == (
        "figure  suits  why\n"
        "fit     no     it is for a\n"
        "               regression of\n"
        "               one input\n"
        "lr      no     never"
    )
    assert format_table(("figure", "suits", "why"), rows, 20) == format_table(
        ("figure", "suits", "why"), rows
    )
