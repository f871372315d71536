"""Formulas in MathML, which browsers set by themselves."""

import ast
import re
from html import escape

from nnlab.explanation.formula import Written, write
from nnlab.show.words import LARGE, SMALL, true_minus

GREEK = {"alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "eps": "ε", "Phi": "Φ", "phi": "φ"}
SIGNS: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "\N{MINUS SIGN}",
    ast.Gt: ">",
    ast.GtE: "≥",
    ast.Lt: "<",
    ast.LtE: "≤",
}
DERIVATIVES = ("x", "y", "z", "weight", "bias")  # dy is the derivative of the loss by y
PLUS = "<mo>+</mo>"
TIMES = "<mo>\N{DOT OPERATOR}</mo>"


class MathNotation:
    """Fractions, roots, powers and hats, as in a book."""

    fraction_is_whole = True

    def number(self, value: float) -> str:
        size = abs(value)
        sign = f"<mo>{true_minus('-')}</mo>" if value < 0 else ""
        if size != 0 and not SMALL <= size < LARGE and size < float("inf"):
            mantissa, _, exponent = f"{size:.4e}".partition("e")
            power = f"<msup><mn>10</mn><mn>{true_minus(str(int(exponent)))}</mn></msup>"
            return f"<mrow>{sign}<mn>{float(mantissa):g}</mn><mo>×</mo>{power}</mrow>"
        return f"<mrow>{sign}<mn>{size:.5g}</mn></mrow>" if sign else f"<mn>{size:.5g}</mn>"

    def name(self, name: str) -> str:
        if name.endswith("_hat"):
            return f"<mover>{self.name(name.removesuffix('_hat'))}<mo>^</mo></mover>"
        if name[0] == "d" and name[1:] in DERIVATIVES:
            upper, lower = "<mo>∂</mo><mi>L</mi>", f"<mo>∂</mo>{self.name(name[1:])}"
            return f"<mfrac><mrow>{upper}</mrow><mrow>{lower}</mrow></mfrac>"
        stem, _, index = name.partition("_")
        if name[-1].isdigit() and not index:
            stem, index = name[:-1], name[-1]
        if index.isdigit():
            return f"<msub>{self.name(stem)}<mn>{index}</mn></msub>"
        return f"<mi>{escape(GREEK.get(name, name.replace('_', ' ')))}</mi>"

    def combine(self, kind: type[ast.AST], left: str, right: str) -> str:
        if kind is ast.Div:
            return f"<mfrac><mrow>{left}</mrow><mrow>{right}</mrow></mfrac>"
        if kind is ast.Pow:
            return f"<msup><mrow>{left}</mrow><mrow>{right}</mrow></msup>"
        sign = TIMES if kind is ast.Mult else f"<mo>{escape(SIGNS[kind])}</mo>"
        return f"{left}{sign}{right}"

    def minus(self, inner: str) -> str:
        return f"<mrow><mo>{true_minus('-')}</mo>{inner}</mrow>"

    def brackets(self, inner: str) -> str:
        size = "" if "<mfrac" in inner else ' stretchy="false"'
        return f"<mrow><mo{size}>(</mo>{inner}<mo{size}>)</mo></mrow>"

    def call(self, function: str, arguments: list[str]) -> str:
        inner = "<mo>,</mo>".join(arguments)
        if function == "sqrt":
            return f"<msqrt>{inner}</msqrt>"
        if sign := {"abs": "|", "norm": "‖"}.get(function):
            return f"<mrow><mo>{sign}</mo>{inner}<mo>{sign}</mo></mrow>"
        if function == "sum":
            return f"<mrow><mo>∑</mo>{inner}</mrow>"
        name = f"<mi>{escape(GREEK.get(function, function))}</mi>"
        return f"<mrow>{name}{self.brackets(inner)}</mrow>"

    def cases(self, first: str, condition: str, second: str) -> str:
        where = f"<mtext>if\N{NO-BREAK SPACE}</mtext>{condition}"
        rows = f"<mtr><mtd>{first}</mtd><mtd>{where}</mtd></mtr>"
        rows += f"<mtr><mtd>{second}</mtd><mtd><mtext>otherwise</mtext></mtd></mtr>"
        table = f'<mtable columnalign="left">{rows}</mtable>'
        return f"<mrow><mo>{{</mo>{table}</mrow>"

    def more(self, terms: int) -> str:
        return f"<mtext>… ({terms:,} more)</mtext>"


def mathml(written: Written) -> str:
    """A formula as a `math` element; with numbers one per term, as browsers break no formula."""
    notation = MathNotation()
    inner = write(written.formula, notation, written.numbers, written.at)
    name = f"{notation.name(written.name)}<mo>=</mo>" if written.name else ""
    parts = [inner] if written.numbers is None else _terms(inner)
    return " ".join(
        f"<math><mrow>{part}</mrow></math>" for part in [f"{name}{parts[0]}", *parts[1:]]
    )


def _terms(inner: str) -> list[str]:
    """The terms of a sum; each but the first begins with its sign."""
    depth, starts = 0, [0]
    for tag in re.finditer(r"<(/?)\w+[^>]*>", inner):
        if depth == 0 and inner.startswith(PLUS, tag.start()):
            starts.append(tag.start())
        depth += -1 if tag[1] else 1
    terms = [inner[a:b] for a, b in zip(starts, [*starts[1:], len(inner)], strict=True)]
    infix = '<mo form="infix">+</mo>'  # spaced as between two terms
    return [terms[0], *(infix + term.removeprefix(PLUS) for term in terms[1:])]
