"""Rows of an estimator, an array or a data frame, as the inputs of a data set."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from nnlab.core.types import Array
from nnlab.data.dataset import InputColumn
from nnlab.data.frame import FITTING, LATER, RULES, FrameTable, is_frame, named_columns
from nnlab.data.missing import MissingRules
from nnlab.data.table import encode_inputs, fit_columns
from nnlab.data.user_npz import input_rows
from nnlab.errors import DataError


class Form(NamedTuple):
    """The form of rows, fitted by `fit`.

    columns: of a table; () for an array. image: the shape of a row that is an image. missing: what
    a missing cell of a later row means.
    """

    columns: tuple[InputColumn, ...] = ()
    image: tuple[int, ...] | None = None
    missing: MissingRules = RULES


class Rows(NamedTuple):
    """Inputs (N, n), their form, the range of pixels, and which of the given rows they are."""

    inputs: Array
    form: Form
    input_range: tuple[float, float] | None
    present: Array  # (rows,) bool


def fitted_rows(
    estimator: BaseEstimator, x: Any, missing: MissingRules, categorical: Sequence[str | int] | None
) -> Rows:
    """The rows of `fit`; the estimator gets n_features_in_ and feature_names_in_.

    Raises DataError for cells, and scikit-learn's own errors for what is no table of numbers.
    """
    chosen = (categorical,) if isinstance(categorical, str) else tuple(categorical or ())
    if not (is_frame(x) or chosen or missing != RULES):
        return _array_rows(estimator, x, reset=True)
    x = _cells(x, texts=bool(chosen))
    validate_data(estimator, x, reset=True, skip_check_array=True)
    table = FrameTable(*named_columns(x), chosen, missing)
    columns = fit_columns(table)
    form = Form(columns, None, missing.later)
    return Rows(encode_inputs(table, columns), form, None, table.present)


def later_rows(estimator: BaseEstimator, x: Any, form: Form) -> Rows:
    """Rows of the fitted form. Raises as `fitted_rows`, also for other columns."""
    if not form.columns:
        return _array_rows(estimator, x, reset=False)
    x = _cells(x, texts=any(column.categories is not None for column in form.columns))
    validate_data(estimator, x, reset=False, skip_check_array=True)
    table = FrameTable(*named_columns(x), (), form.missing, form.columns)
    return Rows(encode_inputs(table, form.columns), form, None, table.present)


def _cells(x: Any, *, texts: bool) -> Any:
    """A data frame as it is; else an array (N, n) of numbers, or with texts of objects."""
    if is_frame(x):
        return x
    dtype, finite = (None, False) if texts else ("numeric", "allow-nan")
    return check_array(x, dtype=dtype, ensure_all_finite=finite, input_name="X")


def _array_rows(estimator: BaseEstimator, x: Any, *, reset: bool) -> Rows:
    shape = np.shape(x) if isinstance(x, np.ndarray) else ()
    flat = x.reshape(len(x), -1) if len(shape) in (3, 4) else x
    flat = validate_data(estimator, flat, reset=reset, ensure_all_finite="allow-nan")
    if flat.dtype.kind == "f" and (missing := np.isnan(flat)).any():
        row, column = np.argwhere(missing)[0]
        way = FITTING if reset else LATER
        raise DataError(
            f"X is missing (NaN) in row {row}, column {column} (counted from 0). {way}."
        )
    image = flat.reshape(shape) if len(shape) in (3, 4) else flat
    inputs, form, input_range = input_rows(image, "X")
    return Rows(inputs, Form(image=form), input_range, np.ones(len(inputs), np.bool_))
