"""Writes the small models of the tests: `python make.py` in an environment with the package `onnx`.

Weights are whole numbers over powers of two, so that what comes out can be worked out by hand.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).parent
FLOAT = TensorProto.FLOAT


def constant(name: str, values: object) -> onnx.TensorProto:
    return numpy_helper.from_array(np.array(values, dtype=np.float32), name)


def whole(name: str, values: list[int]) -> onnx.TensorProto:
    return numpy_helper.from_array(np.array(values, dtype=np.int64), name)


def save(name: str, nodes: list, inputs: list, outputs: list, initializers: list, opset: int = 13) -> None:
    """Writes a model of inputs and outputs `(name, shape[, type])`."""
    info = lambda name, shape, kind=FLOAT: helper.make_tensor_value_info(name, kind, shape)  # noqa: E731
    graph = helper.make_graph(nodes, name, [info(*i) for i in inputs], [info(*o) for o in outputs], initializers)
    domains = [helper.make_opsetid("", opset)]
    if any(node.domain for node in nodes):
        domains.append(helper.make_opsetid("test.domain", 1))
    model = helper.make_model(graph, opset_imports=domains, ir_version=8, producer_name="subsel")
    path = HERE / f"{name}.onnx"
    path.write_bytes(model.SerializeToString())
    print(path.name, path.stat().st_size)


def convolution() -> tuple[list, list]:
    """A 1 x 1 convolution of three channels to four (red, green, blue, red - green), rectified."""
    weights = np.zeros((4, 3, 1, 1), dtype=np.float32)
    weights[0, 0] = weights[1, 1] = weights[2, 2] = weights[3, 0] = 1
    weights[3, 1] = -1
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], kernel_shape=[1, 1]),
        helper.make_node("Relu", ["c"], ["r"]),
    ]
    return nodes, [constant("w", weights), constant("b", [0, 0, 0, 0.25])]


def main() -> None:
    nodes, weights = convolution()
    pooled = [
        *nodes,
        helper.make_node("GlobalAveragePool", ["r"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"], axis=1),
        helper.make_node("Gemm", ["f", "g", "h"], ["y"]),
    ]
    # (red, green, blue, rest) to (red + 2 green, 4 blue, rest - 1).
    gemm = [constant("g", [[1, 0, 0], [2, 0, 0], [0, 4, 0], [0, 0, 1]]), constant("h", [0, 0, -1])]
    all_weights = weights + gemm
    save("pooled", pooled, [("x", ["n", 3, "h", "w"])], [("y", ["n", 3])], all_weights)
    save("fixed", pooled, [("x", [1, 3, 4, 4])], [("y", [1, 3])], all_weights)
    save("fixed_two", pooled, [("x", [2, 3, 4, 4])], [("y", [2, 3])], all_weights)
    save("oblong", pooled, [("x", ["n", 3, 4, 6])], [("y", ["n", 3])], all_weights)
    save("map", nodes, [("x", ["n", 3, 4, 4])], [("r", ["n", 4, 4, 4])], weights)
    save("two_outputs", pooled, [("x", ["n", 3, 4, 4])], [("r", ["n", 4, 4, 4]), ("y", ["n", 3])], all_weights)

    # Says that it takes any number of pictures, and reshapes to one.
    liar = [*nodes, helper.make_node("Reshape", ["r", "s"], ["y"])]
    save("one_at_a_time", liar, [("x", ["n", 3, 2, 2])], [("y", ["n", 16])], [*weights, whole("s", [1, 16])])

    # Pixels as tokens (n, 16, 3).
    tokens = [
        helper.make_node("Reshape", ["x", "s"], ["t"]),
        helper.make_node("Transpose", ["t"], ["y"], perm=[0, 2, 1]),
    ]
    save("tokens", tokens, [("x", ["n", 3, 4, 4])], [("y", ["n", 16, 3])], [whole("s", [0, 3, 16])])

    # As TensorFlow has it: the mean over places, and twice that.
    last = [
        helper.make_node("ReduceMean", ["x"], ["m"], axes=[1, 2], keepdims=0),
        helper.make_node("Mul", ["m", "two"], ["y"]),
    ]
    save("channels_last", last, [("x", ["n", 4, 4, 3])], [("y", ["n", 3])], [constant("two", 2)])

    unknown = [helper.make_node("Unheard", ["x"], ["y"], domain="test.domain")]
    save("unknown_operator", unknown, [("x", ["n", 3, 4, 4])], [("y", ["n", 3])], [])
    save("text_model", [helper.make_node("Identity", ["ids"], ["y"])], [("ids", ["n", 8], TensorProto.INT64)],
         [("y", ["n", 8], TensorProto.INT64)], [])
    save("two_inputs", [helper.make_node("Add", ["x", "z"], ["y"])], [("x", ["n", 3, 4, 4]), ("z", ["n", 3, 4, 4])],
         [("y", ["n", 3, 4, 4])], [])
    flat = [helper.make_node("Flatten", ["x"], ["f"], axis=0), helper.make_node("Squeeze", ["f"], ["y"])]
    save("no_batch", flat, [("x", ["n", 3, 4, 4])], [("y", ["m"])], [])

    # A small vision transformer's kinds of nodes: strided patches, layer norm by parts, attention, softmax, erf.
    rng = np.random.default_rng(0)
    dim, count = 16, 16
    init = lambda *shape: (rng.standard_normal(shape) / np.sqrt(shape[-1])).astype(np.float32)  # noqa: E731
    node = helper.make_node
    attention = [
        node("Conv", ["x", "patch"], ["c"], kernel_shape=[4, 4], strides=[4, 4]),
        node("Reshape", ["c", "flat"], ["cr"]),
        node("Transpose", ["cr"], ["t"], perm=[0, 2, 1]),
        node("ReduceMean", ["t"], ["mu"], axes=[-1], keepdims=1),
        node("Sub", ["t", "mu"], ["d"]),
        node("Mul", ["d", "d"], ["dd"]),
        node("ReduceMean", ["dd"], ["var"], axes=[-1], keepdims=1),
        node("Add", ["var", "eps"], ["ve"]),
        node("Sqrt", ["ve"], ["sd"]),
        node("Div", ["d", "sd"], ["ln"]),
        node("MatMul", ["ln", "wq"], ["q"]),
        node("MatMul", ["ln", "wk"], ["k"]),
        node("MatMul", ["ln", "wv"], ["v"]),
        node("Transpose", ["k"], ["kt"], perm=[0, 2, 1]),
        node("MatMul", ["q", "kt"], ["s"]),
        node("Softmax", ["s"], ["a"], axis=-1),
        node("MatMul", ["a", "v"], ["o"]),
        node("Add", ["o", "t"], ["res"]),
        node("Erf", ["res"], ["e"]),
        node("Add", ["e", "res"], ["y"]),
    ]
    weights = [constant("patch", init(dim, 3, 4, 4)), whole("flat", [0, dim, count]), constant("eps", 1e-5)]
    weights += [constant(name, init(dim, dim)) for name in ("wq", "wk", "wv")]
    save("transformer", attention, [("x", ["n", 3, 16, 16])], [("y", ["n", count, dim])], weights)


if __name__ == "__main__":
    main()
