"""`--to onnx`: the trained network as a graph, with the scaling of the inputs in it.

Input `rows` (B, n) in the units of the data, in float64; output `outputs` (B, m) in float32, as
runtimes know few operations on other numbers. Images are (B, h, w, c)
between layers, as in nnlab; a layer for images turns them to (B, c, h, w) and back.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nnlab import __version__
from nnlab.core.layers.activations import LARGEST_POWER
from nnlab.core.types import Array
from nnlab.errors import UsageError
from nnlab.exports.trained import Exported, TrainedLayer, TrainedNetwork, trained_network
from nnlab.run.folder import Weights
from nnlab.run.run import Run

OPSET = 17  # the first with LayerNormalization; of 2022
IR_VERSION = 8  # that belongs to it
ROUNDED = "The weights are rounded to float32, which ONNX runtimes compute in."
FIRST, LAST = [0, 3, 1, 2], [0, 2, 3, 1]  # channels, as orders of axes


def export_onnx(run: Run, path: Path, weights: Weights) -> Exported:
    """The graph. Raises UsageError for a layer that has no form there."""
    network = trained_network(run, weights)
    model = Graph().model(network)
    notes = () if network.dtype == "float32" else (ROUNDED,)
    return Exported(model.SerializeToString(), notes=notes)


class Graph:
    """Collects nodes; `x` is the name of the newest value."""

    def __init__(self) -> None:
        self.nodes, self.constants, self.x = list[Any](), dict[str, Array](), "rows"

    def add(self, operation: str, *inputs: str | Array, **attributes: Any) -> None:
        """A node on x and further inputs; its output is the new x."""
        from onnx import helper

        names = [value if isinstance(value, str) else self.constant(value) for value in inputs]
        output = f"{operation.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, [self.x, *names], [output], **attributes))
        self.x = output

    def constant(self, array: Array) -> str:
        """The name of a constant."""
        name = f"constant_{len(self.constants)}"
        self.constants[name] = np.ascontiguousarray(array)
        return name

    def single(self, value: Array | float) -> str:
        """The name of a constant in float32."""
        return self.constant(np.asarray(value, np.float32))

    def model(self, network: TrainedNetwork) -> Any:
        """The whole model."""
        from onnx import TensorProto, checker, helper, numpy_helper

        self._scaling(network)
        for layer in network.layers:
            if (write := WRITERS.get(layer.kind)) is None:
                raise UsageError(f"Layer {layer.index} ({layer.kind}) has no form in ONNX.")
            write(self, layer)
        self.nodes[-1].output[0] = "outputs"
        rows = helper.make_tensor_value_info("rows", TensorProto.DOUBLE, ["B", network.inputs])
        outputs = helper.make_tensor_value_info(
            "outputs", TensorProto.FLOAT, ["B", network.outputs]
        )
        constants = [numpy_helper.from_array(a, name) for name, a in self.constants.items()]
        graph = helper.make_graph(self.nodes, network.title, [rows], [outputs], constants)
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            producer_name="nnlab",
            producer_version=__version__,
            doc_string=network.setup,
            ir_version=IR_VERSION,
        )
        checker.check_model(model)
        return model

    def _scaling(self, network: TrainedNetwork) -> None:
        """x' = (x - shift) factor in float64, then float32."""
        from onnx import TensorProto, helper

        scaling = network.scaling
        if scaling.fill is not None:
            self.add("IsNaN")
            fill = self.constant(scaling.fill)
            filled = helper.make_node("Where", [self.x, fill, "rows"], ["filled"])
            self.nodes.append(filled)
            self.x = "filled"
        self.add("Sub", scaling.shift)
        self.add("Mul", scaling.factor)
        self.add("Cast", to=TensorProto.FLOAT)


def _dense(graph: Graph, layer: TrainedLayer) -> None:
    graph.add("MatMul", graph.single(layer.arrays["weight"]))
    if "bias" in layer.arrays:
        graph.add("Add", graph.single(layer.arrays["bias"]))


def _conv(graph: Graph, layer: TrainedLayer) -> None:
    settings: Any = layer.layer
    windows = settings.windows(layer.inputs)
    weight = layer.arrays["weight"].transpose(3, 2, 0, 1)  # (kh, kw, c, f) -> (f, c, kh, kw)
    arrays = [weight, *([layer.arrays["bias"]] if "bias" in layer.arrays else [])]
    constants = map(graph.single, arrays)
    graph.add("Transpose", perm=FIRST)
    graph.add(
        "Conv", *constants, strides=windows.stride, pads=[*windows.before, *windows.after],
        kernel_shape=windows.kernel,
    )  # fmt: skip
    graph.add("Transpose", perm=LAST)


def _pool(operation: str) -> "Writer":
    def write(graph: Graph, layer: TrainedLayer) -> None:
        settings: Any = layer.layer
        windows = settings.windows(layer.inputs)
        graph.add("Transpose", perm=FIRST)
        graph.add(operation, kernel_shape=windows.kernel, strides=windows.stride)
        graph.add("Transpose", perm=LAST)

    return write


def _batch_norm(graph: Graph, layer: TrainedLayer) -> None:
    """An affine map per channel, computed in float64 here."""
    arrays = {name: array.astype(np.float64) for name, array in layer.arrays.items()}
    settings: Any = layer.layer
    graph.add("Sub", graph.single(arrays["running_mean"]))
    graph.add("Mul", graph.single(arrays["gamma"] / np.sqrt(arrays["running_var"] + settings.eps)))
    graph.add("Add", graph.single(arrays["beta"]))


def _layer_norm(graph: Graph, layer: TrainedLayer) -> None:
    settings: Any = layer.layer
    constants = (graph.single(layer.arrays[name]) for name in ("gamma", "beta"))
    graph.add("LayerNormalization", *constants, axis=-1, epsilon=settings.eps)


def _reshape(graph: Graph, layer: TrainedLayer) -> None:
    graph.add("Reshape", np.array([-1, *layer.outputs], np.int64))


def _gelu(graph: Graph, layer: TrainedLayer) -> None:
    """x (1 + erf(x / sqrt 2)) / 2."""
    x = graph.x
    graph.add("Div", graph.single(np.sqrt(2)))
    graph.add("Erf")
    graph.add("Add", graph.single(1))
    graph.add("Mul", x)
    graph.add("Mul", graph.single(0.5))


def _silu(graph: Graph, layer: TrainedLayer) -> None:
    x = graph.x
    graph.add("Sigmoid")
    graph.add("Mul", x)


def _exp(graph: Graph, layer: TrainedLayer) -> None:
    graph.add("Min", graph.single(LARGEST_POWER))
    graph.add("Exp")


def _rescale(graph: Graph, layer: TrainedLayer) -> None:
    settings: Any = layer.layer
    graph.add("Mul", graph.single(settings.spread or 1.0))
    graph.add("Add", graph.single(settings.mean or 0.0))


def _step(graph: Graph, layer: TrainedLayer) -> None:
    from onnx import TensorProto

    graph.add("GreaterOrEqual", graph.single(0))
    graph.add("Cast", to=TensorProto.FLOAT)


def _plain(operation: str, **settings: str) -> "Writer":
    """One node; `settings`: its attributes by the layer's own names."""
    return lambda graph, layer: graph.add(
        operation, **{name: float(getattr(layer.layer, own)) for name, own in settings.items()}
    )


Writer = Callable[[Graph, TrainedLayer], None]
WRITERS: Mapping[str, Writer] = {
    "dense": _dense,
    "sigmoid": _plain("Sigmoid"),
    "tanh": _plain("Tanh"),
    "relu": _plain("Relu"),
    "leaky_relu": _plain("LeakyRelu", alpha="slope"),
    "elu": _plain("Elu", alpha="alpha"),
    "gelu": _gelu,
    "silu": _silu,
    "softplus": _plain("Softplus"),
    "exp": _exp,
    "square": lambda graph, layer: graph.add("Mul", graph.x),
    "softmax": lambda graph, layer: graph.add("Softmax", axis=-1),
    "linear": _plain("Identity"),
    "step": _step,
    "flatten": _reshape,
    "reshape": _reshape,
    "rescale": _rescale,
    "dropout": _plain("Identity"),
    "conv2d": _conv,
    "max_pool": _pool("MaxPool"),
    "avg_pool": _pool("AveragePool"),
    "global_avg_pool": lambda graph, layer: graph.add("ReduceMean", axes=[1, 2], keepdims=0),
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
}
