"""Formulas of the catalogues as expressions of NumPy.

A formula speaks of a unit; here its names become arrays (B, n) of a batch. The language is that of
`nnlab.explanation.formula`, so a new member with a formula can be exported.
"""

import ast
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import numpy as np

from nnlab.explanation.blocks import number_settings
from nnlab.explanation.formula import parse_formula

UNITS = ", axis=1, keepdims=True"  # of a batch (B, n)
FUNCTIONS = {
    **{name: f"np.{name}" for name in ("abs", "clip", "exp", "floor", "log", "sign", "sqrt")},
    "tanh": "np.tanh",
    "cos": "np.cos",
    "max": "np.maximum",
    "min": "np.minimum",
    "Phi": "normal_distribution",
    "phi": "normal_density",
    "expm1": "np.expm1",
    **{name: name for name in ("sigmoid", "softmax", "softplus", "log_sum_exp")},  # see HELPERS
}
# Functions that a script brings along where it calls them.
HELPERS = {
    "sigmoid": """\
def sigmoid(x):
    return (1 + np.tanh(x / 2)) / 2  # 1 / (1 + exp(-x)), and never overflows
""",
    "softplus": """\
def softplus(x):
    return np.logaddexp(x, 0)  # log(1 + exp(x)), and never overflows
""",
    "log_sum_exp": """\
def log_sum_exp(z):
    largest = z.max(axis=1, keepdims=True)  # subtracted, so that nothing overflows
    return largest + np.log(np.exp(z - largest).sum(axis=1, keepdims=True))
""",
    "softmax": """\
def softmax(x):
    powers = np.exp(x - x.max(axis=1, keepdims=True))  # nothing overflows
    return powers / powers.sum(axis=1, keepdims=True)
""",
    "normal_distribution": """\
def normal_distribution(x):
    values = [erfc(-value / sqrt(2)) / 2 for value in x.flat]  # NumPy has no error function
    return np.array(values, x.dtype).reshape(x.shape)
""",
    "normal_density": """\
def normal_density(x):
    return np.exp(-x * x / 2) / sqrt(2 * pi)
""",
}


def numpy_source(formula: str, names: Mapping[str, str], axis: str = UNITS) -> str:
    """The formula in NumPy, each of its `names` replaced by an expression.

    axis: of `sum`, for np.sum. Raises ValueError for what is no formula.
    """
    values = {name: ast.parse(text, mode="eval").body for name, text in names.items()}
    return ast.unparse(_Translation(values, axis).visit(deepcopy(parse_formula(formula))))


def setting_texts(member: Any) -> dict[str, str]:
    """The settings of a member that are numbers, as they stand in a script."""
    settings = number_settings(member).items()
    return {
        name: f"np.array({value.tolist()})" if isinstance(value, np.ndarray) else repr(value)
        for name, value in settings
    }


class _Translation(ast.NodeTransformer):
    """Makes a formula's tree that of an expression of NumPy."""

    def __init__(self, values: Mapping[str, ast.expr], axis: str) -> None:
        self.values, self.axis = values, axis

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.values.get(node.id, node)

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        parts = [self.visit(part) for part in (node.test, node.body, node.orelse)]
        return _call("np.where", *parts)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        if not isinstance(node.func, ast.Name):
            raise ValueError(f"'{ast.unparse(node)}' cannot stand in a formula")
        name, arguments = node.func.id, [self.visit(part) for part in node.args]
        if name == "sum":
            text = f"np.sum({ast.unparse(arguments[0])}{self.axis})"
            return ast.parse(text, mode="eval").body
        if name not in FUNCTIONS:
            raise ValueError(f"'{name}' has no form in NumPy")
        return _call(FUNCTIONS[name], *arguments)


def _call(function: str, *arguments: ast.expr) -> ast.expr:
    return ast.Call(ast.parse(function, mode="eval").body, [*arguments], [])
