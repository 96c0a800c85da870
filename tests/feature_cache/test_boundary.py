"""Where the constant part of a model ends, on a graph by hand: stem, conv2, fc, loss."""

from collections.abc import Collection, Mapping
from typing import Any

import pytest

from trainer.backend.graph.autograd_graph import AutogradGraph, Node
from trainer.feature_cache.boundary import Boundary, find_boundary

NODES = {
    0: Node("ReduceMean", (), (1,)),
    1: Node("MatMul", (4, 3), (2, 3)),
    2: Node("Conv2D", (4, 2, 2, 2), (6, 5)),
    3: Node("fc.weight", (8, 3), ()),
    5: Node("conv2.weight", (2, 2, 3, 3), ()),
    6: Node("Conv2D", (4, 2, 4, 4), (7, 8)),
    7: Node("image", (4, 1, 6, 6), ()),
    8: Node("stem.conv1.weight", (2, 1, 3, 3), ()),
}
PARAMETERS = {node.kind: at for at, node in NODES.items() if node.kind.endswith("weight")}
OUTPUTS = {"stem": [6], "stem.conv1": [6], "conv2": [2], "fc": [1]}
CONV1, CONV2, FC = 4 * 2 * 16 * 9, 4 * 2 * 4 * 18, 4 * 3 * 8
STEM = {"stem", "stem.conv1"}
FROZEN = {*STEM, "conv2"}


def found(
    trained: Collection[str] = ("fc.weight",),
    constant: Collection[str] = FROZEN,
    cacheable: Collection[str] = ("conv2", "stem"),
    replaceable: Collection[str] = ("fc", *FROZEN),
    outputs: Mapping[str, Collection[int]] = OUTPUTS,
) -> Boundary:
    graph = AutogradGraph(0, NODES, PARAMETERS, outputs, frozenset(), ())
    return find_boundary(graph, trained, constant, cacheable, replaceable)


def parts(boundary: Boundary) -> tuple[tuple[str, ...], tuple[str, ...], int]:
    """What is stored, what is skipped, and the multiply-adds that are saved."""
    return boundary.stored, boundary.skipped, boundary.macs


def test_the_output_nearest_to_the_loss_is_stored_and_what_leads_to_it_skipped() -> None:
    assert parts(found()) == (("conv2",), ("stem",), CONV1 + CONV2)


def test_what_is_computed_lies_between_the_stored_outputs_and_the_loss() -> None:
    assert found().computed == {"fc"}
    assert found(constant=STEM).computed == {"conv2", "fc"}
    assert found(constant=[]).computed == {"stem", "stem.conv1", "conv2", "fc"}


def test_what_lies_behind_all_stored_outputs_need_not_run_to_compute_them() -> None:
    assert found().behind == ("fc",)
    assert found(constant=STEM).behind == ("conv2", "fc")
    assert found(constant=STEM, replaceable=["fc"]).behind == ("fc",)
    nodes = {**NODES, 0: Node("Add", (), (1, 6))}  # the stem leads to the loss by itself too
    graph = AutogradGraph(0, nodes, PARAMETERS, OUTPUTS, frozenset(), ())
    boundary = find_boundary(graph, ["fc.weight"], FROZEN, ["conv2"], [*OUTPUTS])
    assert boundary.computed >= {"stem"} and boundary.behind == ("fc",)


@pytest.mark.parametrize(
    "cannot",
    [{"cacheable": ["stem"]}, {"constant": STEM}, {"trained": ["fc.weight", "conv2.weight"]}],
    ids=lambda cannot: "".join(cannot),
)
def test_what_cannot_be_stored_is_computed(cannot: dict[str, Any]) -> None:
    assert parts(found(**cannot)) == (("stem",), (), CONV1)


def test_only_what_can_be_replaced_is_skipped() -> None:
    assert parts(found(replaceable=["conv2"])) == (("conv2",), (), CONV1 + CONV2)
    assert found(replaceable=["stem.conv1"]).skipped == ("stem.conv1",)


def test_a_cell_with_a_part_that_is_needed_is_not_skipped() -> None:
    outputs = {**OUTPUTS, "stem.head": [1]}
    assert found(outputs=outputs).skipped == ("stem.conv1",)
    outputs = {**OUTPUTS, "stems": [1], "stem.conv10": [1]}  # other cells with like names
    assert found(outputs=outputs).skipped == ("stem.conv1",)
    assert found(outputs={**OUTPUTS, "stems": [1]}).skipped == ("stem",)


def test_a_cell_within_one_that_is_stored_is_not_skipped() -> None:
    assert found(cacheable=["stem"], constant=STEM, replaceable=STEM).skipped == ()


def test_nothing_is_stored_without_a_gradient_or_a_constant_cell() -> None:
    assert parts(found(constant=[])) == ((), (), 0)
    graph = AutogradGraph(None, {}, {}, {}, frozenset(), ())
    assert parts(find_boundary(graph, [], [], [], [])) == ((), (), 0)


def test_stored_cells_stand_in_the_order_of_the_model() -> None:
    nodes = {**NODES, 0: Node("Add", (), (1, 6))}
    for outputs in (OUTPUTS, dict(reversed(OUTPUTS.items()))):
        graph = AutogradGraph(0, nodes, PARAMETERS, outputs, frozenset(), ())
        boundary = find_boundary(graph, ["fc.weight"], FROZEN, ["conv2", "stem"], [])
        assert boundary.stored == tuple(n for n in outputs if n in ("conv2", "stem"))
        assert boundary.macs == CONV1 + CONV2
