"""Rules with ``dtype: float16``: which weights they apply to, and that these train nothing."""

from typing import Any

import mindspore as ms
import numpy as np
import pytest
from mindspore import nn

from tests.support.nets import Normed
from tests.support.training import IMAGES, LOSS
from trainer import freeze
from trainer.backend import half_storage
from trainer.backend.graph import module_tree
from trainer.backend.host_copy import to_numpy
from trainer.config.rules import Rule
from trainer.core.errors import ConfigError, FrozenMoved
from trainer.engine.train_step import TrainStep
from trainer.freezing import plan

HEAD = {"select": "fc", "method": "train"}
METHODS = ["stop_gradient", "requires_grad"]
CONVS = {"conv1.weight", "conv2.weight"}


def half(**selectors: Any) -> Rule:
    return Rule((), "requires_grad", False, label="h", dtype="float16", **selectors)


def test_normalisation_and_what_trains_stay_float32() -> None:
    tree = module_tree.describe(Normed())
    resolved = plan.resolve([Rule(("fc",), "train", False, None, label="t"), half()], tree)
    assert resolved.half == CONVS
    planned = {p.name: p for p in resolved.parameters}
    assert planned["conv1.weight"].nbytes == 2 * 2 * 9
    assert planned["bn1.gamma"].nbytes == 4 * 2
    rows = {row["name"]: row for row in resolved.as_json()["parameters"]}
    assert {name for name, row in rows.items() if row.get("dtype") == "float16"} == CONVS


def test_the_plan_of_rules_without_a_dtype_is_as_before() -> None:
    resolved = plan.resolve(
        [Rule(("conv1",), "requires_grad", False)], module_tree.describe(Normed())
    )
    assert all("dtype" not in row for row in resolved.as_json()["parameters"])


def trained(dtype: dict[str, str], method: str) -> dict[str, np.ndarray]:
    """Return the weights after three steps; those of the start are the same each time."""
    ms.set_seed(0)
    net = Normed()
    half_storage.round_values(net, CONVS)
    frozen = freeze(net, [HEAD, dtype], method)
    optimizer = nn.Momentum(frozen.trainable_parameters(), 0.1, 0.9, weight_decay=0.1)
    net.set_train(True)
    step = TrainStep(net, LOSS, optimizer)
    for _ in range(3):
        step(*IMAGES)
    frozen.verify(optimizer)
    types = {name: array.dtype.name for name, array in to_numpy(net).items()}
    expected = CONVS if dtype else set()
    assert {name for name, kind in types.items() if kind == "float16"} == expected
    frozen.undo()
    return to_numpy(net)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_training_is_that_of_the_rounded_weights_bit_for_bit(method: str) -> None:
    one, other = trained({"dtype": "float16"}, method), trained({}, method)
    assert all(np.array_equal(one[name], other[name]) for name in other)


def test_verify_compares_the_stored_bits() -> None:
    net = Normed()
    frozen = freeze(net, [HEAD, {"dtype": "float16"}], "requires_grad")
    frozen.verify()
    array = net.conv1.weight.asnumpy().copy()
    array.flat[0] = np.nextafter(array.flat[0], np.float16(9))  # one bit
    net.conv1.weight.set_data(ms.Tensor(array))
    with pytest.raises(FrozenMoved, match="conv1.weight by"):
        frozen.verify()


def test_a_rule_that_trains_is_refused() -> None:
    with pytest.raises(ConfigError, match="dtype: float16 in a rule that freezes"):
        freeze(Normed(), [{"select": "fc", "method": "train", "dtype": "float16"}, {}])
    with pytest.raises(ConfigError, match="dtype: expected .*float16"):
        freeze(Normed(), [HEAD, {"dtype": "float8"}])
