"""The same weights, data and order in MindSpore, through the trainer, and in PyTorch, by hand."""

from functools import cache
from itertools import islice

import numpy as np
import pytest

from tests.parity import mindspore_side
from tests.parity.case import Batch, Case, End, relative
from trainer.backend.execution_mode import EAGER, PYNATIVE, Mode
from trainer.core.tensors import Weights, same_bits
from trainer.data import batches as data
from trainer.datasets.digits import digits

pytest.importorskip(
    "torch", reason="parity is not tested: PyTorch is not installed, see CONTRIBUTING.md"
)
from tests.parity import torch_side

pytestmark = pytest.mark.parity

TOLERANCE = 1e-4  # of a tensor's largest value; 4e-6 was measured
SEEN = 30 * TOLERANCE
STEPS = 20

NOTHING = [Case("lenet5", "nothing"), Case("residual", "nothing")]
# What is frozen, and what a cut behind it puts out of reach besides. The way past `block2.first`
# keeps in reach what lies before it.
PARTS = [
    ("lenet5", "first layer", ("conv1",), ()),
    ("lenet5", "middle layer", ("conv2",), ("conv1",)),
    ("lenet5", "all but head", ("conv1", "conv2", "fc1", "fc2"), ()),
    ("residual", "first layer", ("stem",), ()),
    ("residual", "middle layer", ("block1",), ("stem",)),
    ("residual", "within a block", ("block2.first",), ()),
    ("residual", "all but head", ("stem", "block1", "block2"), ()),
]
CASES = [
    *NOTHING,
    Case("lenet5", "first layer", ("conv1",), optimizer="SGD"),
    *(Case(net, label, freeze) for net, label, freeze, _ in PARTS),
    *(Case(net, label, freeze, "stop_gradient", more) for net, label, freeze, more in PARTS),
]
IN_EACH_MODE = [
    Case("lenet5", "middle layer", ("conv2",), "stop_gradient", ("conv1",)),
    Case("residual", "within a block", ("block2.first",)),
]
each = pytest.mark.parametrize("case", CASES, ids=str)


@cache
def batches() -> list[Batch]:
    pipeline, _ = digits(batch_size=16, classes=range(10), num_classes=10)
    first = islice(data.batches(pipeline, seed=0, epoch=1), STEPS)
    return [(images.asnumpy(), labels.asnumpy()) for images, labels in first]


@cache
def start(net: str) -> Weights:
    """Weights none of which is 0 or 1, for those would hide what is multiplied by them.

    With this seed no ReLU of LeNet-5, trained in full, is ever given a number within 1e-6 of 0,
    which the frameworks might round to different sides of it.
    """
    random = np.random.default_rng(1)
    weights: Weights = {}
    for name, shape in mindspore_side.shapes(net).items():
        if name.endswith((".gamma", ".moving_variance")):
            values = random.uniform(0.5, 1.5, shape)
        else:
            inputs = np.prod(shape[1:]) if len(shape) > 1 else 200
            values = random.normal(0, np.sqrt(2 / inputs), shape)
        weights[name] = values.astype(np.float32)
    return weights


@cache
def ours(case: Case) -> End:
    return mindspore_side.run(case, start(case.net), batches())


@cache
def theirs(case: Case, frozen_mode: str = "eval") -> End:
    return torch_side.run(case, start(case.net), batches(), frozen_mode)


def furthest(one: End, other: End) -> float:
    """Largest relative difference of the weights that `one` trained, and of the losses."""
    names = one.weights.keys() - one.frozen
    apart = [relative(one.weights[name], other.weights[name]) for name in names]
    return max(*apart, relative(np.array(one.losses), np.array(other.losses)))


@each
def test_the_same_is_frozen_and_stays_as_it_was(case: Case) -> None:
    before = start(case.net)
    assert ours(case).frozen == theirs(case).frozen == case.select(before)
    for name in case.select(before):
        assert same_bits(before[name], ours(case).weights[name]), name
        assert same_bits(before[name], theirs(case).weights[name]), name


@each
def test_the_rest_learns_the_same(case: Case) -> None:
    assert furthest(ours(case), theirs(case)) <= TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("mode", [PYNATIVE, EAGER], indirect=True)
@pytest.mark.parametrize("case", IN_EACH_MODE, ids=str)
def test_each_execution_mode_learns_the_same(case: Case, mode: Mode) -> None:
    before, ended = start(case.net), mindspore_side.run(case, start(case.net), batches())
    assert ended.frozen == case.select(before)
    assert all(same_bits(before[name], ended.weights[name]) for name in ended.frozen)
    assert furthest(ended, theirs(case)) <= TOLERANCE


@each
def test_the_rest_learns_far_more_than_the_tolerance(case: Case) -> None:
    ended = ours(case)
    for name in ended.weights.keys() - ended.frozen:
        assert relative(start(case.net)[name], ended.weights[name]) > SEEN, name


@each
def test_another_part_frozen_would_be_seen(case: Case) -> None:
    names = start(case.net)
    others = [o for o in CASES if o.net == case.net and o.select(names) != case.select(names)]
    assert min(furthest(ours(case), theirs(other)) for other in others) > SEEN


@pytest.mark.parametrize("case", [c for c in CASES if c.net == "residual" and c.freeze], ids=str)
def test_a_frozen_part_in_training_mode_would_be_seen(case: Case) -> None:
    assert furthest(ours(case), theirs(case, frozen_mode="train")) > SEEN
