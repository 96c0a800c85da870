"""A proposal in the error of a run: short, complete where it can be, and it loads when pasted."""

import shlex
from collections.abc import Callable

import pytest
from mindspore import nn

from tests.support.nets import Normed, TwoConvs
from trainer.backend.host_copy import to_numpy
from trainer.checkpoint.pretrained import loading
from trainer.checkpoint.pretrained.source import PYTORCH, WeightsSource
from trainer.config import init_map, overrides
from trainer.core.errors import ConfigError
from trainer.core.tensors import Weights

PROPOSED = "proposed, to be checked: "


class Twins(nn.Cell):
    """Two layers of one shape, and one of another."""

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Dense(4, 4)
        self.key = nn.Dense(4, 4)
        self.out = nn.Dense(4, 2)


def problems(model: nn.Cell, weights: Weights, mapping: init_map.Renames | None = None) -> str:
    """Return the errors of weights that do not fit."""
    with pytest.raises(ConfigError) as caught:
        loading.load_weights(model, WeightsSource(PYTORCH, weights), mapping=mapping)
    return "\n".join(caught.value.problems)


def renamed(model: nn.Cell, rename: Callable[[str], str]) -> Weights:
    return {rename(name): array + 1 for name, array in to_numpy(model).items()}


def in_letters(name: str) -> str:
    return name.replace("query", "a").replace("key", "b").replace("out", "c")


def pasted(text: str) -> init_map.Renames:
    """Return the map of the line that proposes one."""
    (line,) = [line.strip() for line in text.splitlines() if PROPOSED in line]
    config, wrong = overrides.check(shlex.split(line.removeprefix(PROPOSED))[:1])
    assert not wrong
    return init_map.read(config["init_map"])


def test_names_of_another_library_are_one_line_and_a_proposal_that_loads() -> None:
    model = Normed()
    weights = renamed(model, lambda name: f"body.{name}".replace("bn", "n").replace("fc", "head"))
    text = problems(model, weights)
    assert text.count("\n") == 1
    assert text.startswith("init_from: the file: ")
    assert "10 names of the file are not in the model (body.n1." in text
    assert "and 10 parameters of the model are missing (bn1." in text
    loading.load_weights(model, WeightsSource(PYTORCH, weights), mapping=pasted(text))
    pairs = zip(to_numpy(model).values(), weights.values(), strict=True)
    assert all((own == theirs).all() for own, theirs in pairs)


def test_a_head_of_another_size_is_proposed_with_new_head() -> None:
    model = TwoConvs()
    weights = renamed(model, lambda name: name.replace("fc", "head").replace("conv", "c"))
    weights["head.weight"] = weights["head.weight"].repeat(3, axis=0)
    weights["head.bias"] = weights["head.bias"].repeat(3)
    text = problems(model, weights)
    assert text.endswith("new_head=[fc]")
    source = WeightsSource(PYTORCH, weights)
    assert loading.load_weights(model, source, ["fc"], pasted(text)).reinitialised


def test_layers_of_one_shape_are_left_open_and_named() -> None:
    text = problems(Twins(), renamed(Twins(), in_letters))
    assert pasted(text) == {"c": "out"}
    assert "not settled, because of equal shapes: a, b | query, key" in text


def test_a_proposal_continues_the_map_that_the_user_has() -> None:
    text = problems(Twins(), renamed(Twins(), in_letters), {"a": "query", "b": "key"})
    assert pasted(text) == {"a": "query", "b": "key", "c": "out"}


def test_a_part_without_a_counterpart_is_named() -> None:
    weights = renamed(Twins(), in_letters)
    weights["c.weight"] = weights["c.weight"][:, :3]
    assert "without a counterpart: c | out" in problems(Twins(), weights)


def test_a_model_with_many_open_layers_takes_ten_lines_at_most() -> None:
    model = nn.SequentialCell([nn.Dense(width, width) for width in range(2, 12) for _ in "ab"])
    weights = renamed(model, lambda name: f"l{name.partition('.')[0]}x.{name.partition('.')[2]}")
    assert problems(model, weights).count("\n") < 10
