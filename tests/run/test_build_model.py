"""The model with its adapter: first weights with or without it, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mindspore import nn
from safetensors.numpy import save_file

from tests.support.nets import TwoConvs
from tests.support.settings import GOOD
from trainer.backend.host_copy import to_numpy
from trainer.config import schema
from trainer.core.errors import ConfigError
from trainer.run.build_model import adapt, build_adapter, load_and_adapt


def add_scale(model: nn.Cell) -> None:
    model.scale = nn.Dense(2, 2)


def settings(weights: Path) -> schema.Settings:
    chosen, problems = schema.read({**GOOD, "init_from": str(weights)})
    assert problems == []
    return chosen


def saved(folder: Path, model: nn.Cell) -> Path:
    path = folder / "weights.safetensors"
    save_file(to_numpy(model), path)
    return path


def test_weights_of_the_model_without_the_adapter_are_loaded_before_it(tmp_path: Path) -> None:
    pretrained = TwoConvs()
    path = saved(tmp_path, pretrained)
    model, provenance = load_and_adapt(TwoConvs(), settings(path), add_scale, None)
    loaded = to_numpy(model)
    assert provenance is not None
    assert {"scale.weight", "scale.bias"} < set(loaded)
    for name, array in to_numpy(pretrained).items():
        assert np.array_equal(loaded[name], array)


def test_weights_of_the_model_with_the_adapter_are_loaded_after_it(tmp_path: Path) -> None:
    finetuned = TwoConvs()
    add_scale(finetuned)
    path = saved(tmp_path, finetuned)
    model, _ = load_and_adapt(TwoConvs(), settings(path), add_scale, None)
    assert np.array_equal(to_numpy(model)["scale.weight"], to_numpy(finetuned)["scale.weight"])


def test_weights_of_the_model_with_the_adapter_are_found_though_not_all_have_to_fit(
    tmp_path: Path,
) -> None:
    finetuned = TwoConvs()
    add_scale(finetuned)
    path = saved(tmp_path, finetuned)
    loose = settings(path).model_copy(update={"init_strict": False})
    model, provenance = load_and_adapt(TwoConvs(), loose, add_scale, None)
    assert provenance is not None and provenance.missing == []
    assert np.array_equal(to_numpy(model)["scale.weight"], to_numpy(finetuned)["scale.weight"])


def test_weights_that_fit_neither_are_reported_for_the_model_itself(tmp_path: Path) -> None:
    path = saved(tmp_path, nn.Dense(3, 3))
    with pytest.raises(
        ConfigError, match=r"6 parameters of the model are missing \(conv1.weight, "
    ):
        load_and_adapt(TwoConvs(), settings(path), add_scale, None)


@pytest.mark.parametrize(
    ("adapter", "problem"),
    [
        (lambda model: 3, "adapter: expected a mindspore.nn.Cell or None, received a int"),
        (lambda model: model.no_such_layer, "adapter: .*no_such_layer"),
    ],
)
def test_an_adapter_that_does_not_fit_is_refused(adapter: Any, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        adapt(TwoConvs(), adapter)


def test_another_model_may_be_returned() -> None:
    other = TwoConvs()
    assert adapt(TwoConvs(), lambda model: other) is other


def test_an_adapter_has_to_be_a_function() -> None:
    assert build_adapter(None) is None
    with pytest.raises(ConfigError, match=r"adapter: expected a function of \(model\)"):
        build_adapter({"_target_": "builtins.dict"})
