from typing import Any

import mindspore.dataset as ds
import numpy as np
import pytest

from tests.support.cache_decisions import PLAIN
from trainer.config.schema import Settings
from trainer.core.errors import ConfigError
from trainer.data.build_sources import build_sources
from trainer.data.loader_source import LoaderSource
from trainer.data.run_data import build_data

SAMPLES = [(np.full(2, index, np.float32), index % 2) for index in range(10)]
PARTS: dict[str, Any] = {}


def parts(**options: Any) -> Any:
    return PARTS["value"]


def settings_of(value: Any, dataset: dict[str, Any] | None = None, **others: Any) -> Settings:
    PARTS["value"] = value
    target = {"_target_": "tests.data.test_build_sources.parts", **(dataset or {})}
    return Settings.model_validate({**PLAIN, "dataset": target, "batch_size": 4, **others})


def pipeline() -> ds.Dataset:
    return ds.NumpySlicesDataset((np.zeros((8, 2)), np.zeros((8, 1))), ["x", "y"]).batch(4)


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ((SAMPLES, SAMPLES), ["train", "validation"]),
        ((SAMPLES, None), ["train"]),
        ([SAMPLES, SAMPLES, SAMPLES], ["train", "validation", "test"]),
        ({"train": SAMPLES, "val": SAMPLES}, ["train", "validation"]),
        (SAMPLES, ["train"]),
        (pipeline(), ["train"]),
        ((pipeline(), SAMPLES), ["train", "validation"]),
    ],
)
def test_what_a_target_may_return(value: Any, names: list[str]) -> None:
    assert [name for name, _ in build_sources(settings_of(value)).items()] == names


@pytest.mark.parametrize("value", [None, (None, SAMPLES), 3, (SAMPLES, 3), np.zeros((4, 2))])
def test_what_it_may_not_return(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"expected a dataset, \(train, validation\)"):
        build_sources(settings_of(value))


def test_unknown_parts_are_an_error() -> None:
    with pytest.raises(ConfigError, match="received train, dev"):
        build_sources(settings_of({"train": SAMPLES, "dev": SAMPLES}))


def test_keys_of_the_loader_and_their_defaults() -> None:
    plain = build_sources(settings_of((SAMPLES, SAMPLES)))
    assert isinstance(plain.train, LoaderSource)
    assert (plain.train.order, plain.train.batch_count, plain.train.skip_errors) == (
        "shuffle",
        2,
        False,
    )
    assert plain.validation is not None
    assert plain.validation.batch_count == 3
    keys = {"workers": 3, "sampler": "balanced", "last_batch": "keep", "on_error": "skip"}
    other = build_sources(settings_of((SAMPLES, None), keys)).train
    assert isinstance(other, LoaderSource)
    assert (other.workers, other.order, other.batch_count, other.skip_errors) == (
        3,
        "balanced",
        3,
        True,
    )


def test_a_pipeline_refuses_what_holds_for_map_style_datasets() -> None:
    transform = {"_target_": "trainer.datasets.images.transforms.image_transform.image_transform"}
    settings = settings_of(pipeline(), {"workers": 3, "on_error": "skip"}, transform=transform)
    with pytest.raises(ConfigError) as error:
        build_sources(settings)
    keys = [problem.partition(":")[0] for problem in error.value.problems]
    assert keys == ["dataset.on_error", "dataset.workers", "transform"]


def test_batches_are_limited() -> None:
    limited = settings_of((SAMPLES, SAMPLES), limit_train_batches=1, limit_validation_batches=2)
    sources = build_sources(limited)
    assert [source.batch_count for _, source in sources.items()] == [1, 2]
    overfit = build_sources(settings_of((SAMPLES, SAMPLES), overfit_batches=1))
    assert overfit.validation == overfit.train


def test_fewer_samples_than_a_batch_are_an_error() -> None:
    with pytest.raises(ConfigError, match="expected at least one training batch"):
        build_sources(settings_of((SAMPLES[:3], SAMPLES)))


def own(workers: int) -> Any:
    return [(np.full(2, workers, np.float32), 0)] * 8, None


def test_a_key_that_is_a_parameter_of_the_target_is_its_own() -> None:
    settings = settings_of(None, {"_target_": "tests.data.test_build_sources.own", "workers": 3})
    assert next(build_sources(settings).train.columns(1))[0].tolist() == [[3, 3]] * 4
    assert settings.dataset.loader_keys() == []


class Drawing:
    """Draws from a generator of its own, which no seed of the run reaches."""

    random = np.random.default_rng()

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return self.random.random(2), 0


def test_own_random_draws_are_noticed() -> None:
    data = build_data(settings_of((Drawing(), None)))
    assert (data.own_generators, data.fingerprint.first) == (["dataset"], "")
    assert build_data(settings_of((SAMPLES, None))).own_generators == []


def test_the_fingerprint_depends_on_all_samples_in_memory() -> None:
    before = build_data(settings_of((SAMPLES, None))).fingerprint
    assert build_data(settings_of((list(SAMPLES), None))).fingerprint == before
    edited = [*SAMPLES[:-1], (np.zeros(2, np.float32), 0)]
    assert build_data(settings_of((edited, None))).fingerprint.source != before.source
