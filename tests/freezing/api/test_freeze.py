from collections.abc import Mapping, Sequence
from typing import Any

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn

import trainer
from tests.support.loops import Loop, jitted_function_loop, model_train_loop, train_cell_loop
from tests.support.nets import Nested, Normed, Tupled, TwoConvs
from tests.support.stacks import Stack
from tests.support.training import IMAGES, LOSS, ROWS, changed
from trainer import freeze
from trainer.backend.execution_mode import EAGER, GRAPH, Mode
from trainer.backend.host_copy import to_numpy
from trainer.core.errors import ConfigError, FrozenMoved
from trainer.core.tensors import Weights

METHODS, FRONT = ["stop_gradient", "requires_grad"], ["conv1", "bn1"]


def names(frozen: trainer.Frozen) -> list[str]:
    parameters: list[Any] = frozen.trainable_parameters()
    return [p.name for p in parameters]


def momentum(parameters: Any) -> nn.Optimizer:
    return nn.Momentum(parameters, 0.1, 0.9, weight_decay=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("mode", [GRAPH, EAGER], indirect=True)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("loop", [jitted_function_loop, train_cell_loop, model_train_loop])
def test_the_frozen_part_stays_still_in_every_loop(loop: Loop, method: str, mode: Mode) -> None:
    """Each loop calls set_train(True), so statistics would move and dropout be on."""
    before = to_numpy(net := Normed())
    frozen = freeze(net, FRONT, method=method)
    optimizer = momentum(frozen.trainable_parameters())
    epoch = loop(net, optimizer)
    for _ in range(2):
        epoch()
        frozen.verify(optimizer)
    moved = changed(before, to_numpy(net))
    assert moved == {name for name in before if name.startswith(("conv2", "bn2", "fc"))}


@pytest.mark.parametrize("method", METHODS)
def test_dropout_of_the_frozen_part_is_off_in_training_mode(method: str) -> None:
    net = Stack()
    freeze(net, ["stem", "blocks"], method=method)
    net.set_train(True)
    one, other = (net(ROWS[0]).asnumpy() for _ in range(2))
    assert np.array_equal(one, other)
    free = Stack().set_train(True)
    one, other = (free(ROWS[0]).asnumpy() for _ in range(2))
    assert not np.array_equal(one, other)


def test_the_callback_verifies_after_each_epoch() -> None:
    net = TwoConvs()
    frozen = freeze(net, "conv1")
    optimizer = momentum(frozen.trainable_parameters())
    epoch = model_train_loop(net, optimizer, [frozen.callback()])
    epoch()
    net.conv1.weight.set_data(net.conv1.weight * 3 + 1)
    with pytest.raises(FrozenMoved, match=r"conv1\.weight by"):
        epoch()


def test_the_callback_notices_a_wrong_optimizer_before_the_first_step() -> None:
    net = TwoConvs()
    frozen = freeze(net, "conv1")
    before = to_numpy(net)
    epoch = model_train_loop(net, momentum(net.get_parameters()), [frozen.callback()])
    with pytest.raises(
        ConfigError, match=r"Momentum, built after the freeze, which has conv1\.weight"
    ):
        epoch()
    assert not changed(before, to_numpy(net))


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_verify_sees_a_single_bit(value: float) -> None:
    net = TwoConvs()
    weight = net.conv1.weight.asnumpy().copy()
    weight.flat[0] = value
    net.conv1.weight.set_data(Tensor(weight))
    frozen = freeze(net, "conv1", method="requires_grad")
    frozen.verify()
    weight.flat[0] = -value
    net.conv1.weight.set_data(Tensor(weight))
    with pytest.raises(FrozenMoved, match=r"1 moved:\n  - conv1\.weight by"):
        frozen.verify()


def test_what_is_upstream_of_the_cut_is_frozen_too() -> None:
    frozen = freeze(TwoConvs(), "conv2")
    assert names(frozen) == ["fc.weight", "fc.bias"]


def state(net: nn.Cell) -> dict[str, Any]:
    """Return everything that a freeze may change, except weights."""
    return {
        name: (
            cell.training,
            cell.phase,
            type(cell),
            getattr(cell, "use_batch_statistics", None),
            sorted(vars(cell)),
        )
        for name, cell in net.cells_and_names()
    } | {name: p.requires_grad for name, p in net.parameters_and_names()}


def outcome(net: nn.Cell) -> Weights:
    """Output and gradients in inference mode, by a graph compiled for this."""

    def forward(images: Any, labels: Any) -> tuple[Any, Any]:
        output = net(images)
        return LOSS(output, labels), output

    weights = [p for name, p in net.parameters_and_names() if "moving" not in name]
    gradients = ms.jit(ms.value_and_grad(forward, None, ms.ParameterTuple(weights), has_aux=True))
    (_, output), values = gradients(*IMAGES)
    names = [p.name for p in weights]
    return {n: t.asnumpy() for n, t in zip(["output", *names], [output, *values], strict=True)}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("training", [True, False])
def test_undo_takes_everything_back(method: str, training: bool) -> None:
    net = Normed().set_train(training)
    net.conv2.weight.requires_grad = False
    before, states = to_numpy(net), state(net)
    plain = outcome(net.set_train(False)) if not training else {}
    frozen = freeze(net, FRONT, method=method)
    assert state(net) != states
    if plain:
        assert changed(plain, outcome(net)) or method == "requires_grad"
    frozen.undo()
    frozen.undo()
    assert state(net) == states
    assert not changed(before, to_numpy(net))
    assert not plain or not changed(plain, outcome(net))


def test_undo_gives_the_mode_that_was_asked_for_last() -> None:
    net = Normed()
    frozen = freeze(net, FRONT)
    net.set_train(True)
    assert not net.bn1.training
    frozen.undo()
    assert all(cell.training for _, cell in net.cells_and_names())


@pytest.mark.slow
def test_a_net_can_be_frozen_again_after_undo_and_only_then() -> None:
    net = TwoConvs()
    frozen = freeze(net, "conv1")
    for part in (net, net.conv1):
        with pytest.raises(ConfigError, match="expected a model that is not frozen"):
            freeze(part, "conv2")
    frozen.undo()
    with pytest.raises(ConfigError, match="a frozen model, received one after undo"):
        frozen.verify()
    again = freeze(net, "conv2", method="requires_grad")
    train_cell_loop(net, momentum(again.trainable_parameters()))()
    again.verify()
    assert set(again.plan.names("frozen")) == {"conv2.weight", "conv2.bias"}


def test_rules_as_in_a_policy() -> None:
    net = Stack()
    rules = [{"select": "head", "method": "train", "lr_factor": 2.0}, {}]
    frozen = freeze(net, rules, method="requires_grad")
    with pytest.raises(ConfigError, match="lr: expected the optimizer's"):
        frozen.trainable_parameters()
    (group,) = frozen.trainable_parameters(lr=0.1, weight_decay=0.01)
    assert (group["lr"], group["weight_decay"]) == (0.2, 0.01)
    assert [p.name for p in group["params"]] == ["head.weight", "head.bias"]
    frozen.check(nn.SGD([group], 0.1))


@pytest.mark.parametrize(
    ("rules", "options", "text"),
    [
        ("conv9", {}, r"received 'conv9' \(nearest: conv"),
        ("*", {}, "at least one trainable parameter"),
        ([], {}, "expected a pattern or rule, received none"),
        ("re:(", {}, "expected a regular expression"),
        ("conv1", {"method": "stop"}, "method: expected one of requires_grad, stop_gradient"),
        ("conv1", {"norm": "off"}, "norm: expected one of eval, train"),
        ([{"selekt": "conv1"}], {}, r"rules\[0\]\.selekt: unknown key \(nearest: select"),
        ([{"select": "conv1", "norm": "affine-only"}], {}, "use method: requires_grad"),
    ],
)
def test_mistakes(
    rules: str | Sequence[str | Mapping[str, Any]], options: Mapping[str, str], text: str
) -> None:
    net = TwoConvs()
    with pytest.raises(ConfigError, match=text):
        freeze(net, rules, **options)
    assert all(p.requires_grad for p in net.get_parameters())


def test_the_compile_cache_must_be_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MS_COMPILER_CACHE_ENABLE", "1")
    with pytest.raises(ConfigError, match="compile cache to be off"):
        freeze(TwoConvs(), "conv1")


@pytest.mark.parametrize("inputs", [(2, 5), [(2, 5)], Tensor(np.ones((2, 5), np.float32))])
def test_inputs_are_asked_for_where_no_guess_runs(inputs: Any) -> None:
    class Odd(nn.Cell):
        """Needs one value more than its first layer takes."""

        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Dense(4, 4)
            self.head = nn.Dense(4, 3)

        def construct(self, x: Tensor) -> Tensor:
            if x.shape != (2, 5):
                raise ValueError
            return self.head(self.first(x[:, 1:]))

    net = Odd()
    with pytest.raises(ConfigError, match=r"inputs=\(2, 3, 224, 224\)"):
        freeze(net, "first")
    assert freeze(net, "first", inputs=inputs).plan.cuts == ("first",)


@pytest.mark.parametrize(
    ("net", "cut"),
    [
        (nn.SequentialCell(nn.Embedding(9, 4), nn.Dense(4, 3)), "0"),
        (Nested(), "stem"),
        (Tupled(), "halves"),
    ],
)
def test_inputs_are_guessed(net: nn.Cell, cut: str) -> None:
    assert freeze(net, cut).plan.cuts == (cut,)


def test_only_what_is_public_is_offered() -> None:
    assert trainer.Frozen is type(freeze(Stack(), "stem", inputs=ROWS[0]))
    with pytest.raises(AttributeError, match="no attribute 'thaw'"):
        _ = trainer.thaw
