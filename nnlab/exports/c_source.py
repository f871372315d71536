"""`--to c`: a C99 function that computes the outputs of a row."""

import ast
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nnlab import __version__
from nnlab.core.layers.activations import Softmax
from nnlab.core.layers.dense import Dense, Dropout, Rescale, SameNumbers
from nnlab.core.layers.norm import BatchNorm, LayerNorm
from nnlab.core.types import Array, FloatArray, size
from nnlab.errors import UsageError
from nnlab.explanation.blocks import number_settings
from nnlab.explanation.formula import parse_formula
from nnlab.exports.layer_source import STABLE
from nnlab.exports.trained import Exported, TrainedLayer, plain_line, trained_network
from nnlab.run.folder import Weights
from nnlab.run.run import Run

FUNCTIONS = {"abs": "fabs", "max": "fmax", "min": "fmin"} | {
    name: name for name in ("exp", "expm1", "log", "sqrt", "tanh", "sigmoid", "softplus", "Phi")
}
SYMBOLS: Mapping[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Lt: "<",
    ast.LtE: "<=",
}
# Functions that a file brings along where it calls them.
HELPERS = {
    "sigmoid": "static double sigmoid(double x) { return (1 + tanh(x / 2)) / 2; }",
    "softplus": "static double softplus(double x) { return fmax(x, 0) + log1p(exp(-fabs(x))); }",
    "Phi": "static double Phi(double x) { return erfc(-x / sqrt(2)) / 2; }",
}


def export_c(run: Run, path: Path, weights: Weights) -> Exported:
    """The C file. Raises UsageError for a layer that has no form there."""
    network = trained_network(run, weights)
    lines = [
        f"/* {plain_line(network.title)}: {plain_line(network.setup)}",
        f" * The trained network in C99, written by nnlab {__version__}; link with -lm.",
        " * predict() takes a row in the units of the data. With -DNNLAB_MAIN the program reads",
        " * rows of numbers from stdin and prints the outputs. */",
        "#include <math.h>",
        "",
        f"#define INPUTS {network.inputs}",
        f"#define OUTPUTS {network.outputs}",
        "",
    ]
    value = "row[i]" if network.scaling.fill is None else "(isnan(row[i]) ? fill[i] : row[i])"
    body = [f"for (i = 0; i < INPUTS; i++) x[i] = ({value} - shift[i]) * factor[i];"]
    for layer in network.layers:
        lines += [_array(f"{name}_{layer.index}", array) for name, array in _arrays(layer).items()]
        body += [f"/* layer {layer.index}: {layer.kind} */", *_layer(layer)]
    widest = max(network.inputs, *(size(layer.outputs) for layer in network.layers))
    if network.scaling.fill is not None:
        lines.append(_array("fill", network.scaling.fill))
    columns = np.zeros(network.inputs)
    lines += [
        _array("shift", network.scaling.shift + columns),
        _array("factor", network.scaling.factor + columns),
    ]
    lines += [
        *(text for name, text in HELPERS.items() if f"{name}(" in "".join(body)),
        "",
        "void predict(const double row[INPUTS], double outputs[OUTPUTS])",
        "{",
        f"    double x[{widest}], y[{widest}];",
        "    int i, j;",
        *(f"    {line}" for line in body),
        "    for (i = 0; i < OUTPUTS; i++) outputs[i] = x[i];",
        "    (void)y; (void)j;",
        "}",
    ]
    return Exported("\n".join(lines) + MAIN)


MAIN = """

#ifdef NNLAB_MAIN
#include <stdio.h>

int main(void)
{
    double row[INPUTS], outputs[OUTPUTS];
    int i;
    for (;;) {
        for (i = 0; i < INPUTS; i++)
            if (scanf(" %lf%*[,;]", &row[i]) != 1) return i ? 1 : 0;
        predict(row, outputs);
        for (i = 0; i < OUTPUTS; i++)
            printf(i + 1 < OUTPUTS ? "%.17g," : "%.17g\\n", outputs[i]);
    }
}
#endif
"""


def _arrays(layer: TrainedLayer) -> Mapping[str, FloatArray]:
    """The constants of a layer; those of batch_norm with the factor of each unit."""
    arrays = {name: array.astype(np.float64) for name, array in layer.arrays.items()}
    if isinstance(layer.layer, BatchNorm):
        gain = arrays["gamma"] / np.sqrt(arrays["running_var"] + layer.layer.eps)
        return {"mean": arrays["running_mean"], "gain": gain, "beta": arrays["beta"]}
    return arrays


def _layer(layer: TrainedLayer) -> list[str]:
    """The lines that replace x by the outputs of a layer."""
    writer = next((w for kind, w in WRITERS.items() if isinstance(layer.layer, kind)), _by_formula)
    lines = writer(layer) if len(layer.inputs) == 1 or layer.kind == "flatten" else None
    if lines is None:
        raise UsageError(
            f"Layer {layer.index} ({layer.kind}) has no form in C, which is for networks of dense "
            "layers. `--to onnx` takes every layer."
        )
    return lines


def _dense(layer: TrainedLayer) -> list[str]:
    i, n, m = layer.index, layer.inputs[0], layer.outputs[0]
    start = f"bias_{i}[j]" if "bias" in layer.arrays else "0"
    return [
        f"for (j = 0; j < {m}; j++) {{",
        f"    y[j] = {start};",
        f"    for (i = 0; i < {n}; i++) y[j] += x[i] * weight_{i}[i][j];",
        "}",
        f"for (j = 0; j < {m}; j++) x[j] = y[j];",
    ]


def _batch_norm(layer: TrainedLayer) -> list[str]:
    i = layer.index
    return [_loop(layer, f"x[j] = gain_{i}[j] * (x[j] - mean_{i}[j]) + beta_{i}[j];")]


def _layer_norm(layer: TrainedLayer) -> list[str]:
    i, n, eps = layer.index, layer.inputs[0], layer.layer.eps  # type: ignore[attr-defined]
    return [
        "{",
        "    double mean = 0, var = 0;",
        f"    {_loop(layer, f'mean += x[j] / {n};')}",
        f"    {_loop(layer, f'var += (x[j] - mean) * (x[j] - mean) / {n};')}",
        f"    {_loop(layer, f'x[j] = gamma_{i}[j] * (x[j] - mean) / sqrt(var + {eps!r});')}",
        f"    {_loop(layer, f'x[j] += beta_{i}[j];')}",
        "}",
    ]


def _rescale(layer: TrainedLayer) -> list[str]:
    settings: Any = layer.layer
    pairs = zip(settings.spread, settings.mean, strict=True)
    return [f"x[{j}] = x[{j}] * {spread!r} + {mean!r};" for j, (spread, mean) in enumerate(pairs)]


def _softmax(layer: TrainedLayer) -> list[str]:
    return [
        "{",
        "    double largest = x[0], total = 0;",
        f"    {_loop(layer, 'largest = fmax(largest, x[j]);')}",
        f"    {_loop(layer, 'total += x[j] = exp(x[j] - largest);')}",
        f"    {_loop(layer, 'x[j] /= total;')}",
        "}",
    ]


def _by_formula(layer: TrainedLayer) -> list[str] | None:
    formula = STABLE.get(layer.kind, layer.layer.formula)
    if not formula or layer.arrays:
        return None
    names = {name: repr(float(value)) for name, value in number_settings(layer.layer).items()}
    return [_loop(layer, f"x[j] = {_c(parse_formula(formula), {'x': 'x[j]', **names})};")]


def _loop(layer: TrainedLayer, statement: str) -> str:
    return f"for (j = 0; j < {layer.outputs[0]}; j++) {statement}"


def _c(node: ast.AST, names: Mapping[str, str]) -> str:
    """A formula's part in C. Raises ValueError for what C has not."""
    match node:
        case ast.Constant(value=float() | int() as value):
            return repr(float(value))
        case ast.Name(id=name):
            return names[name]
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return f"(-{_c(inner, names)})"
        case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=2)):
            return f"({_c(left, names)} * {_c(left, names)})"
        case (
            ast.BinOp(left=left, op=op, right=right)
            | ast.Compare(left=left, ops=[op], comparators=[right])
        ) if type(op) in SYMBOLS:
            return f"({_c(left, names)} {SYMBOLS[type(op)]} {_c(right, names)})"
        case ast.IfExp(test=test, body=body, orelse=other):
            return f"({_c(test, names)} ? {_c(body, names)} : {_c(other, names)})"
        case ast.Call(func=ast.Name(id=name), args=args) if name in FUNCTIONS:
            return f"{FUNCTIONS[name]}({', '.join(_c(part, names) for part in args)})"
    raise ValueError(f"'{ast.unparse(node)}' has no form in C")


def _array(name: str, array: Array) -> str:
    """An array as a constant, each number with the digits that identify it."""
    rows = array.astype(np.float64).tolist()
    sizes = "".join(f"[{length}]" for length in array.shape)
    if array.ndim == 1:
        return f"static const double {name}{sizes} = {{{', '.join(map(repr, rows))}}};"
    text = ",\n    ".join(f"{{{', '.join(map(repr, row))}}}" for row in rows)
    return f"static const double {name}{sizes} = {{\n    {text}}};"


WRITERS: dict[type, Callable[[TrainedLayer], list[str]]] = {
    Dense: _dense,
    Dropout: lambda layer: [],
    SameNumbers: lambda layer: [],
    Softmax: _softmax,
    Rescale: _rescale,
    BatchNorm: _batch_norm,
    LayerNorm: _layer_norm,
}
