"""Which of several states in a PyTorch checkpoint is read."""

from pathlib import Path
from typing import Any

import pytest

from trainer.checkpoint.pretrained import source, torch_states
from trainer.core.errors import ConfigError

PATH = Path("w.pth")


class Values:
    """What is taken for a tensor, without PyTorch."""

    dtype = "float32"

    def __init__(self, number: int = 0) -> None:
        self.number = number

    def detach(self) -> "Values":
        return self


def state(number: int) -> dict[str, Any]:
    return {"fc.weight": Values(number), "fc.bias": Values(number)}


TIMM: dict[str, Any] = {
    "epoch": 3,
    "arch": "net",
    "args": {"lr": 0.1, "seed": 1},
    "optimizer": {"state": {0: {"step": Values()}}, "param_groups": [{}]},
    "state_dict": state(1),
    "state_dict_ema": state(2),
}
NESTED: dict[str, Any] = {
    "model": {"student": state(1), "teacher": {"backbone": state(2)}},
    "callbacks": {"Best": {"path": "x", "monitor": "loss", "score": Values()}},
}


def number(content: Any, key: str | None = None) -> int:
    tensors, _ = torch_states.select(content, PATH, key)
    return int(tensors["fc.bias"].number)


def test_the_one_that_was_trained_is_read_and_the_others_are_reported() -> None:
    tensors, notes = torch_states.select(TIMM, PATH)
    assert tensors == TIMM["state_dict"]
    assert notes == [
        "under its key 'state_dict'",
        "the file also holds 'state_dict_ema', which init_key= selects",
    ]


@pytest.mark.parametrize(
    ("content", "key", "expected"),
    [
        (TIMM, "state_dict_ema", 2),
        (TIMM, "state_dict", 1),
        (NESTED, "model.student", 1),
        (NESTED, "model.teacher.backbone", 2),
        ({"a.b": {"c": state(4)}}, "a.b.c", 4),
        ({"model": {"state_dict": state(5)}, "model_ema": state(6)}, "model", 5),
    ],
)
def test_a_key_selects_also_a_nested_one(content: Any, key: str, expected: int) -> None:
    assert number(content, key) == expected
    assert torch_states.select(content, PATH, key)[1][0] == f"under its key {key!r}"


def test_the_only_state_needs_no_key() -> None:
    assert number({"epoch": 3, "best": state(7)}) == 7
    assert number(state(8)) == 8


def test_several_without_a_usual_name_are_not_guessed() -> None:
    with pytest.raises(ConfigError) as caught:
        torch_states.select(NESTED, PATH)
    assert caught.value.problems == (
        "init_key: expected one of the states in w.pth: 'model.student', "
        "'model.teacher.backbone'; received none",
    )


def test_an_unknown_key_is_an_error_with_those_that_exist() -> None:
    with pytest.raises(ConfigError) as caught:
        torch_states.select(TIMM, PATH, "state_dict_em")
    assert caught.value.problems == (
        "init_key: expected one of the states in w.pth: 'state_dict', 'state_dict_ema'; "
        "received 'state_dict_em' (nearest: state_dict_ema, state_dict)",
    )
    with pytest.raises(ConfigError, match="holds no states by key; received 'model'"):
        torch_states.select(state(1), PATH, "model")


def test_a_file_of_another_kind_has_no_states(tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").touch()
    with pytest.raises(ConfigError, match="init_key: expected null.*received 'model'"):
        source.find(str(tmp_path / "w.safetensors"), "model")
