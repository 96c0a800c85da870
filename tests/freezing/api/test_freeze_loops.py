"""What is no usual loop or call: optimizers of the newer kind, mixed precision, odd arguments."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from mindspore import amp, mint, nn
from mindspore.experimental import optim

from tests.support.loops import jitted_function_loop, train_cell_loop
from tests.support.nets import Normed, TwoConvs
from trainer import freeze
from trainer.core.errors import ConfigError, FrozenMoved

pytestmark = pytest.mark.slow

NEWER = [optim.SGD, optim.Adam, mint.optim.SGD]


@pytest.mark.parametrize("make", NEWER)
def test_an_optimizer_of_the_newer_kind_is_looked_at_like_any(make: Callable[..., Any]) -> None:
    net = TwoConvs()
    frozen = freeze(net, "conv1", method="requires_grad")
    right = make(frozen.trainable_parameters(), 0.1)
    jitted_function_loop(net, right)()
    frozen.verify(right)
    wrong = make(list(net.get_parameters()), 0.1)
    with pytest.raises(
        ConfigError, match="built after the freeze, which has conv1.weight, conv1.bias"
    ):
        frozen.check(wrong)
    jitted_function_loop(net, wrong)()
    with pytest.raises(FrozenMoved, match=r"was given it; a gradient reached it: requires_grad"):
        frozen.verify()


@pytest.mark.parametrize("make", [partial(mint.optim.SGD, momentum=0.9), optim.Adam])
def test_moments_of_an_optimizer_of_the_newer_kind(make: Callable[..., Any]) -> None:
    net = TwoConvs()
    optimizer = make(net.trainable_params(), lr=0.1)
    jitted_function_loop(net, optimizer)()
    frozen = freeze(net, "conv1")
    frozen.check()  # it is there, but nobody says that it will be used
    jitted_function_loop(net, optimizer)()
    with pytest.raises(FrozenMoved, match=r"conv1\.weight by .* momentum from before the freeze"):
        frozen.verify()


def test_mixed_precision_that_renames_parameters_is_not_accused() -> None:
    """It puts a cell around each normalisation, which gives the parameters in it other names."""
    net = Normed()
    frozen = freeze(net, ["conv1", "bn1"])
    mixed = amp.auto_mixed_precision(net, "O2")
    assert "bn1.gamma" not in dict(net.parameters_and_names())
    train_cell_loop(mixed, nn.SGD(frozen.trainable_parameters(), 0.1))()
    frozen.verify()


@pytest.mark.parametrize(
    ("rules", "inputs", "text"),
    [
        (None, None, "expected a group of keys, received None"),
        (3, None, "expected a group of keys, received 3"),
        ({"selekt": "conv1"}, None, r"rules\[0\]\.selekt: unknown key"),
        ("conv1", (2, 7), "inputs: expected inputs that the model accepts: "),
        ("conv1", (), "inputs: expected inputs that the model accepts: "),
        ("conv1", "what", "inputs: expected inputs that the model accepts: "),
        ("conv1", np.zeros((2, 1, 6, 6)), "inputs: expected inputs that the model accepts: "),
    ],
)
def test_arguments_that_are_none(rules: Any, inputs: Any, text: str) -> None:
    net = TwoConvs()
    with pytest.raises(ConfigError, match=text):
        freeze(net, rules, inputs=inputs)
    assert all(p.requires_grad for p in net.get_parameters())


def test_one_rule_needs_no_list() -> None:
    plan = freeze(TwoConvs(), {"select": "conv1", "method": "requires_grad"}).plan
    assert plan.names("frozen") == ("conv1.weight", "conv1.bias")
