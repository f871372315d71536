"""The language of formulas: computed from numbers, and written with names or with numbers.

A formula is an expression of Python: names, numbers, + - * / **, the functions below, and
`a if x > 0 else b`. A name stands for a number, or for a vector, of which the formula of an
element `at` takes that element. `sum`, `norm`, `mean` and `var` take the whole vectors. Nothing is
ever executed.
"""

import ast
import operator
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from math import pi
from typing import Any, Protocol

import numpy as np

from nnlab.core.optimizers import length
from nnlab.core.types import Array

Numbers = Mapping[str, Any]  # name -> a number or a vector (n,)

MOST_TERMS = 8  # of a sum that is written with numbers; of a longer one the largest are written
FEW_TERMS = 4

CASES, SUM, PRODUCT, POWER, ATOM = range(5)  # how tightly the parts of an expression hang together


def logistic_of(x: Array) -> Array:
    """1 / (1 + exp(-x))."""
    return (1 + np.tanh(np.asarray(x) / 2)) / 2


def normal_distribution(x: Array) -> Array:
    """The standard normal distribution, Phi."""
    from scipy.special import ndtr  # NumPy has no error function

    return ndtr(x)


def normal_density(x: Array) -> Array:
    """The density of the standard normal distribution, phi."""
    return np.exp(-np.square(x) / 2) / np.sqrt(2 * pi)


OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": np.abs,
    "clip": np.clip,
    "cos": np.cos,
    "exp": np.exp,
    "floor": np.floor,
    "log": np.log,
    "max": np.maximum,
    "min": np.minimum,
    "Phi": normal_distribution,
    "phi": normal_density,
    "sigmoid": logistic_of,
    "sign": np.sign,
    "sqrt": np.sqrt,
    "tanh": np.tanh,
}
OF_VECTORS: dict[str, Callable[[Array], Any]] = {
    "sum": np.sum,
    "norm": length,
    "mean": np.mean,
    "var": np.var,
}


@dataclass(frozen=True)
class Written:
    """A formula to be written: `name` = `formula`, of numbers if there are any.

    at: the element of vectors that is written.
    """

    formula: str
    name: str = ""
    numbers: Numbers | None = None
    at: int = 0


class Notation(Protocol):
    """How the parts of a formula look."""

    fraction_is_whole: bool  # a quotient needs no brackets, in or around it

    def number(self, value: float) -> str:
        """A number; it may be negative."""

    def name(self, name: str) -> str:
        """The name of a quantity."""

    def combine(self, kind: type[ast.AST], left: str, right: str) -> str:
        """Two operands and their operator."""

    def minus(self, inner: str) -> str:
        """The negative of something."""

    def brackets(self, inner: str) -> str:
        """Something in brackets."""

    def call(self, function: str, arguments: list[str]) -> str:
        """A function of something."""

    def cases(self, first: str, condition: str, second: str) -> str:
        """The first where the condition holds, else the second."""

    def more(self, terms: int) -> str:
        """Further terms of a sum."""


@cache
def parse_formula(formula: str) -> ast.expr:
    """The tree of a formula. Raises ValueError for what is no formula."""
    try:
        return ast.parse(formula, mode="eval").body
    except SyntaxError as error:
        raise ValueError(f"'{formula}' is no formula: {error.msg}") from None


def compute(formula: str, numbers: Numbers, at: int | None = None) -> Any:
    """The value of a formula: of the whole vectors, or of their elements `at`."""
    return _compute(parse_formula(formula), numbers, at)


def _compute(node: ast.AST, numbers: Numbers, at: int | None) -> Any:
    match node:
        case ast.Constant(value=float() | int() as value):
            return value
        case ast.Name(id=name):
            return _element(numbers[name], at)
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return -_compute(inner, numbers, at)
        case (
            ast.BinOp(left=left, op=op, right=right)
            | ast.Compare(left=left, ops=[op], comparators=[right])
        ) if type(op) in OPERATORS:
            return OPERATORS[type(op)](_compute(left, numbers, at), _compute(right, numbers, at))
        case ast.IfExp(test=test, body=body, orelse=other):
            parts = map(partial(_compute, numbers=numbers, at=at), (test, body, other))
            return np.where(*parts)
        case ast.Call(func=ast.Name(id=name), args=[inner]) if name in OF_VECTORS:
            return OF_VECTORS[name](np.atleast_1d(_compute(inner, numbers, None)))
        case ast.Call(func=ast.Name(id=name), args=args) if name in FUNCTIONS:
            return FUNCTIONS[name](*map(partial(_compute, numbers=numbers, at=at), args))
    raise ValueError(f"'{ast.unparse(node)}' cannot stand in a formula")


def formula_numbers(formula: str, numbers: Numbers, at: int) -> dict[str, Any]:
    """The numbers that the formula of an element needs, not rounded.

    A name in a `sum` has its whole vector; a `norm`, `mean` or `var` stands for itself: "norm(g)".
    """
    tree = parse_formula(formula)
    single = {name: float(_element(numbers[name], at)) for name in sorted(_names(tree, OF_VECTORS))}
    single |= {
        ast.unparse(call): float(_compute(call, numbers, at))
        for function in sorted(OF_VECTORS.keys() - {"sum"})
        for call in _calls(tree, function)
    }
    wholes = {name: numbers[name] for call in _calls(tree, "sum") for name in sorted(_names(call))}
    return {**single, **wholes}


def _calls(tree: ast.AST, function: str) -> list[ast.Call]:
    """The calls of a function in a formula."""
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == function]


def _names(tree: ast.AST, but: Collection[str] = ()) -> set[str]:
    """The names of the quantities in a formula; `but`: not inside calls of these functions."""
    match tree:
        case ast.Call(func=ast.Name(id=function), args=args):
            children: Iterable[ast.AST] = () if function in but else args
        case ast.Name(id=name):
            return {name}
        case _:
            children = ast.iter_child_nodes(tree)
    return {name for child in children for name in _names(child, but)}


def _element(value: Any, at: int | None) -> Any:
    """A number itself; of a vector the element, or all of it."""
    return value if at is None or np.ndim(value) == 0 else value[at]


def write(formula: str, notation: Notation, numbers: Numbers | None = None, at: int = 0) -> str:
    """A formula with its names or, where there are `numbers`, with the numbers in their place.

    With names, too, where one of its names has no number.
    """
    tree = parse_formula(formula)
    if numbers is not None and not _names(tree) <= numbers.keys():
        numbers = None
    return _Writer(notation, numbers).write(tree, at, CASES)


# Of an operation: what its operands need, not to be in brackets, and what it is itself.
BINDINGS: dict[type[ast.AST], tuple[int, int, int]] = {
    ast.Add: (SUM, PRODUCT, SUM),
    ast.Sub: (SUM, PRODUCT, SUM),
    ast.Mult: (PRODUCT, PRODUCT, PRODUCT),
    ast.Div: (PRODUCT, POWER, PRODUCT),
    ast.Pow: (ATOM, ATOM, POWER),
}


@dataclass(frozen=True)
class _Writer:
    notation: Notation
    numbers: Numbers | None

    def write(self, node: ast.AST, at: int, least: int) -> str:
        """A part; in brackets where it hangs together less tightly than `least`."""
        text, binding = self._part(node, at)
        return text if binding >= least else self.notation.brackets(text)

    def _part(self, node: ast.AST, at: int) -> tuple[str, int]:
        match node:
            case ast.Constant(value=float() | int() as value):
                return self.notation.number(value), ATOM
            case ast.Name(id=name):
                return self._name(name, at)
            case ast.UnaryOp(operand=inner):
                return self.notation.minus(self.write(inner, at, PRODUCT)), PRODUCT
            case ast.BinOp(op=op):
                return self._operation(node, type(op), at)
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                parts = (self.write(side, at, SUM) for side in (left, right))
                return self.notation.combine(type(op), *parts), CASES
            case ast.IfExp(test=test, body=body, orelse=other):
                first, second = (self.write(part, at, SUM) for part in (body, other))
                return self.notation.cases(first, self.write(test, at, CASES), second), CASES
            case ast.Call(func=ast.Name(id=name), args=args):
                return self._call(name, args, at)
        raise ValueError(f"'{ast.unparse(node)}' cannot stand in a formula")

    def _name(self, name: str, at: int) -> tuple[str, int]:
        if self.numbers is None:
            return self.notation.name(name), ATOM
        value = float(_element(self.numbers[name], at))
        return self.notation.number(value), SUM if value < 0 else ATOM

    def _operation(self, node: ast.BinOp, kind: type[ast.AST], at: int) -> tuple[str, int]:
        notation = self.notation
        left, right, binding = BINDINGS[kind]
        if kind is ast.Div and notation.fraction_is_whole:
            left, right, binding = CASES, CASES, ATOM
        sides = self.write(node.left, at, left), self.write(node.right, at, right)
        return notation.combine(kind, *sides), binding

    def _call(self, name: str, args: list[ast.expr], at: int) -> tuple[str, int]:
        if self.numbers is None or name not in OF_VECTORS:
            return self.notation.call(name, [self.write(arg, at, CASES) for arg in args]), ATOM
        if name == "sum":
            return self._terms(args[0])
        value = float(OF_VECTORS[name](np.atleast_1d(_compute(args[0], self.numbers, None))))
        return self.notation.number(value), SUM if value < 0 else ATOM

    def _terms(self, inner: ast.expr) -> tuple[str, int]:
        """A sum with its terms, of many the largest."""
        values = np.atleast_1d(_compute(inner, self.numbers or {}, None))
        shown = range(len(values))
        if len(values) > MOST_TERMS:
            largest = np.argsort(-np.abs(values), kind="stable")[:FEW_TERMS]
            shown = sorted(largest.tolist())  # type: ignore[assignment]
        texts = [self.write(inner, at, PRODUCT) for at in shown]
        if len(values) > len(texts):
            texts.append(self.notation.more(len(values) - len(texts)))
        text = texts[0]
        for term in texts[1:]:
            text = self.notation.combine(ast.Add, text, term)
        return text, SUM if len(texts) > 1 else PRODUCT


SYMBOLS: dict[type[ast.AST], str] = {
    ast.Add: " + ",
    ast.Sub: " - ",
    ast.Mult: " * ",
    ast.Div: " / ",
    ast.Pow: "^",
    ast.Gt: " > ",
    ast.GtE: " >= ",
    ast.Lt: " < ",
    ast.LtE: " <= ",
}


class TextNotation:
    """Formulas for terminals: lr * m^ / (sqrt(v^) + eps)."""

    fraction_is_whole = False

    def number(self, value: float) -> str:
        return f"{value + 0.0:.5g}"  # -0.0 + 0.0 is 0.0

    def name(self, name: str) -> str:
        return f"{name.removesuffix('_hat')}^" if name.endswith("_hat") else name

    def combine(self, kind: type[ast.AST], left: str, right: str) -> str:
        return f"{left}{SYMBOLS[kind]}{right}"

    def minus(self, inner: str) -> str:
        return f"-{inner}"

    def brackets(self, inner: str) -> str:
        return f"({inner})"

    def call(self, function: str, arguments: list[str]) -> str:
        return f"{function}({', '.join(arguments)})"

    def cases(self, first: str, condition: str, second: str) -> str:
        return f"{first} if {condition} else {second}"

    def more(self, terms: int) -> str:
        return f"... ({terms:,} more)"
