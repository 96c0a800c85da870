"""What `features=store` refuses, and with what reason."""

from typing import Any

import numpy as np
import pytest
from mindspore import Tensor, nn, ops
from mindspore.dataset import vision

from tests.support.cache_decisions import images, make_decision, settings
from tests.support.nets import TwoConvs
from tests.support.stored import trial
from tests.support.training import plan_of, rule
from trainer.backend.batch_types import Columns
from trainer.core.errors import ConfigError
from trainer.data.pipeline_source import PipelineSource
from trainer.feature_cache import decide
from trainer.feature_cache.decide import SampleSource


class Noisy(TwoConvs):
    """Draws in inference, too."""

    def construct(self, x: Tensor) -> Tensor:
        noise = ops.standard_normal(x.shape)
        return self.fc(self.flatten(self.conv2(self.conv1(x + noise))))


class Averaging(TwoConvs):
    """Takes the mean of the batch from each sample, in a frozen cell."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.SequentialCell(self.conv1, Centred())


class Centred(nn.Cell):
    def construct(self, x: Tensor) -> Tensor:
        return x - x.mean(0, keep_dims=True)


REFUSALS = {
    "nothing frozen": (TwoConvs, None, "nothing is frozen"),
    "noise": (Noisy, rule("conv1"), "no output of a frozen cell is constant"),
    "a mean over the batch": (Averaging, rule("conv1"), "depends on its whole batch"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_is_not_safe_is_refused_with_the_reason(name: str) -> None:
    kind, given, why = REFUSALS[name]
    with pytest.raises(ConfigError, match=why) as refused:
        make_decision(kind(), given, settings(mode="store"))
    assert "use features=off" in str(refused.value)


def test_augmentation_is_refused_and_named() -> None:
    flipped = images(vision.RandomHorizontalFlip(0.5))
    with pytest.raises(
        ConfigError, match=r"augmented at random by RandomHorizontalFlip; features\.views"
    ):
        make_decision(TwoConvs(), rule("conv1"), settings(mode="store"), flipped)
    stored = make_decision(TwoConvs(), rule("conv1"), settings(mode="store", views=2), flipped)
    assert stored.storable is not None


def _jittered(image: Columns) -> Columns:
    return (image + np.random.random()).astype(np.float32)  # type: ignore[operator, attr-defined]


def test_augmentation_by_a_function_is_found_from_the_data() -> None:
    with pytest.raises(ConfigError, match="not the same in every epoch"):
        make_decision(TwoConvs(), rule("conv1"), settings(mode="store"), images(_jittered))


def test_what_does_not_fit_is_refused_with_sizes_that_differ() -> None:
    """40 training and 40 validation samples of 2 x 4 x 4 numbers of 4 bytes are 10,240 bytes."""
    with pytest.raises(ConfigError, match=r"they need 0\.011 MB, more than features") as refused:
        make_decision(TwoConvs(), rule("conv1"), settings(mode="store", memory_mb=0.01, max_mb=100))
    assert "features.memory_mb=0.01;" in str(refused.value)  # max_mb is for what runs share


@pytest.mark.parametrize("other", [{"views": 2}, {"dtype": "float16"}, {"exact": False}])
def test_another_training_needs_to_be_asked_for(other: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected features=store with features"):
        settings(mode="auto", **other)
    assert settings(mode="store", **other)


def test_inputs_without_a_row_a_sample_are_refused() -> None:
    made, net = PipelineSource(images(), 0), TwoConvs()
    tried = trial(net, plan_of(net, rule("conv1")))
    source = SampleSource(made, made, (4, 4), has_rows=False)
    with pytest.raises(ConfigError, match="an input has no row for each sample"):
        decide.decide_phases(settings(mode="store"), tried, source, None, [(tried.plan, 3)])
