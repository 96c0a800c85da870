import pytest

from tests.support.nets import TwoConvs
from tests.support.training import IMAGES, LOSS
from trainer.backend.graph.autograd_graph import AutogradGraph, Node
from trainer.backend.graph.flops import backward
from trainer.backend.graph.tracer import trace

CONVS = trace(TwoConvs(), [(LOSS, IMAGES)], ["conv1", "conv2"])
CONV1, CONV2, FC = 4 * 2 * 16 * 9, 4 * 2 * 4 * 18, 4 * 3 * 8  # on the way forward, by hand


def weights(*cells: str) -> list[str]:
    return [f"{cell}.{name}" for cell in cells for name in ("weight", "bias")]


@pytest.mark.parametrize(
    ("trained", "cuts", "expected"),
    [
        (weights("conv1", "conv2", "fc"), [], CONV1 + 2 * CONV2 + 2 * FC),
        (weights("conv2", "fc"), [], CONV2 + 2 * FC),
        (weights("conv2", "fc"), ["conv1"], CONV2 + 2 * FC),
        (weights("conv1", "fc"), [], CONV1 + CONV2 + 2 * FC),
        (weights("conv1", "fc"), ["conv2"], FC),
        (weights("fc"), [], FC),
        (["fc.bias"], [], 0),
        (["conv2.bias"], [], FC),
        ([], [], 0),
    ],
)
def test_a_product_costs_as_much_as_forward_for_each_input_that_needs_a_gradient(
    trained: list[str], cuts: list[str], expected: int
) -> None:
    assert backward(CONVS, trained, cuts) == expected


@pytest.mark.parametrize(
    ("kind", "out", "shapes", "forward"),
    [
        ("MatMul", (3, 5), [(3, 4), (4, 5)], 3 * 4 * 5),
        ("MatMul", (3, 5), [(3, 4), (5, 4)], 3 * 4 * 5),
        ("BatchMatMul", (2, 7, 3, 5), [(2, 7, 3, 4), (2, 7, 4, 5)], 14 * 3 * 4 * 5),
        ("Dense", (2, 3, 5), [(2, 3, 4), (5, 4)], 2 * 3 * 4 * 5),
        ("MatMul", (3, 5), [(4, 5)], 3 * 4 * 5),
        ("Conv2D", (2, 6, 4, 4), [(2, 3, 8, 8), (6, 3, 2, 2)], 2 * 6 * 16 * 12),
        ("Conv2D", (2, 6, 4, 4), [(2, 6, 8, 8), (6, 1, 2, 2)], 2 * 6 * 16 * 4),
        ("Conv2D", (2, 6, 4, 4), [(6, 3, 2, 2)], 2 * 6 * 16 * 12),
        ("Conv2DTranspose", (2, 3, 8, 8), [(2, 6, 4, 4), (6, 3, 2, 2)], 2 * 6 * 16 * 12),
    ],
)
def test_products(
    kind: str, out: tuple[int, ...], shapes: list[tuple[int, ...]], forward: int
) -> None:
    leaves = {at: Node("leaf", shape, ()) for at, shape in enumerate(shapes, 1)}
    nodes = {0: Node(kind, out, tuple(leaves)), **leaves}
    graph = AutogradGraph(0, nodes, {str(at): at for at in leaves}, {}, frozenset(), ())
    assert backward(graph, [str(len(shapes))]) == forward
    assert backward(graph, [str(at) for at in leaves]) == forward * len(shapes)
