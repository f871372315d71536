"""docs/config.md and the words for annotations: both come from the dataclasses."""

from typing import Annotated, Any, Literal

import pytest
from annotated_types import Ge, Gt, Interval, Le, Len, Lt, MultipleOf

from docs.settings import config_reference
from nnlab.config.annotations import MisfitError, allowed, convert, hints
from nnlab.config.describe import docstring_parts
from nnlab.config.families import INITIALIZER, LAYER, LOSS, OPTIMIZER, SCHEDULE, SOURCE
from nnlab.config.schema import (
    Config,
    Data,
    EarlyStopping,
    FromFile,
    FromRun,
    SweepConfig,
    Training,
)
from nnlab.data.split import Split
from nnlab.data.user_csv import Csv
from nnlab.data.user_npz import Npz
from nnlab.race.config import LANDSCAPE, Race, Runner

FAMILIES = [SOURCE, LAYER, INITIALIZER, LOSS, OPTIMIZER, SCHEDULE, LANDSCAPE]

WORDS: list[tuple[Any, str]] = [
    (int, "a whole number"),
    (float | None, "a number, or null"),
    (bool | tuple[float, ...], "true or false, or a list of numbers"),
    (Annotated[float, Ge(0), Lt(1)], "a number >= 0 and < 1"),
    (Annotated[float, Interval(gt=0, le=1)], "a number > 0 and <= 1"),
    (Annotated[int, Gt(0)] | Literal["full"], "a whole number > 0, or full"),
    (Literal["a", "b"] | None, "one of a, b, or null"),
    (tuple[tuple[float, ...], ...], "a list of lists of numbers"),
    (tuple[Annotated[int, Le(9)] | str, ...], "a list of whole numbers <= 9 or texts"),
    (Annotated[str, Len(1, 1)], "a text (exactly 1 character)"),
    (Annotated[tuple[str, ...], Len(1)], "a list of texts (1 or more items)"),
    (Annotated[tuple[str, ...], Len(2, 3)], "a list of texts (2 to 3 items)"),
    (Annotated[tuple[float, ...], Len(2, 2)], "a list of numbers (exactly 2 items)"),
    (EarlyStopping | None, "a mapping, or null"),
]


@pytest.mark.parametrize(("hint", "words"), WORDS, ids=lambda value: str(value)[-30:])
def test_annotations_in_words(hint: Any, words: str) -> None:
    assert allowed(hint) == words


def test_a_constraint_without_words_is_a_bug() -> None:
    with pytest.raises(TypeError, match=r"^no words for the constraint MultipleOf"):
        allowed(Annotated[int, MultipleOf(2)])


@pytest.mark.parametrize(
    ("hint", "value", "converted"),
    [
        (float, 3, 3.0),
        (float | int, 3, 3),
        (float | int, 3.0, 3.0),
        (tuple[int, ...], [1, 2], (1, 2)),
        (bool | tuple[float, ...], False, False),
    ],
)
def test_conversion(hint: Any, value: object, converted: object) -> None:
    found = convert(hint, value)
    assert (type(found), found) == (type(converted), converted)


@pytest.mark.parametrize(
    ("hint", "value", "path"),
    [
        (int, 3.0, ()),
        (int, True, ()),
        (float, True, ()),
        (float, "3", ()),
        (bool, 1, ()),
        (str, 5, ()),
        (tuple[int, ...], [1, "x"], (1,)),
        (tuple[tuple[int, ...], ...] | None, [[1], [2, "x"]], (1, 1)),
        (tuple[int, ...], "abc", ()),
    ],
)
def test_strictness(hint: Any, value: object, path: tuple[int, ...]) -> None:
    with pytest.raises(MisfitError) as error:
        convert(hint, value)
    assert error.value.path == path


def section(page: str, family: int, name: str) -> str:
    """What stands under a member's name in the family's part of the page."""
    titles = [
        "\n## data: data",
        "\n## network:",
        "\n## init:",
        "\n## loss:",
        "\n## opt",
        "\n## sch",
        "\n## function:",
    ]
    part = page.partition(titles[family])[2].partition("\n## ")[0]
    return part.partition(f"\n### {name}\n")[2].partition("\n### ")[0]


@pytest.mark.parametrize("family", range(len(FAMILIES)))
def test_every_setting_of_every_member_is_described(family: int) -> None:
    page = config_reference()
    for name, cls in FAMILIES[family].members.items():
        text = section(page, family, name)
        assert text.strip(), f"{name} is not described"
        for field in hints(cls):
            assert f"\n| {field} " in text


def test_the_keys_at_the_top_and_of_training_are_described() -> None:
    page = config_reference()
    for cls in (Config, Training, EarlyStopping, Race, Runner):
        assert all(f"\n| {field} |" in page for field in hints(cls))


@pytest.mark.parametrize(
    "cls",
    [
        Config,
        Data,
        Split,
        Training,
        EarlyStopping,
        SweepConfig,
        FromRun,
        FromFile,
        Csv,
        Npz,
        Race,
        Runner,
    ],
)
def test_every_setting_of_a_section_has_a_meaning(cls: type) -> None:
    """Each once, as a line `key: ...` of the docstring."""
    meanings = docstring_parts(cls)[1]
    assert list(meanings) == list(hints(cls))
    assert all(len(text) > 10 for text in meanings.values())


def test_a_docstring_is_told_whole() -> None:
    page = config_reference()
    assert "With momentum mu: v = mu v + g, theta -= lr v; with nesterov" in page
    assert "`clip_value` holds each entry to" in page  # said once, for all optimizers
    assert page.count("`weight_decay` adds weight_decay w") == 1
    assert "| label_smoothing | a number >= 0 and < 1 | 0.0 | a number a that moves" in page


def test_the_page_is_stable_and_says_the_main_setting() -> None:
    page = config_reference()
    assert page == config_reference()
    assert "| units * | a whole number > 0 | required |" in page
    assert "| scale | one of none, unit, standardize, standardize_all | unit for images" in page
    assert "| early_stopping | a mapping, or null | null | stops training before the" in page
    assert "* `lr`: optimizer.lr\n" in page
    assert "MISSING" not in page
    assert "<class" not in page
