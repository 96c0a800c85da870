"""Decisions about stored features, for small data and models."""

from typing import Any

import mindspore.dataset as ds
import numpy as np
from mindspore import nn
from mindspore.dataset import vision

from tests.support.stored import trial
from tests.support.training import plan_of
from trainer.config.rules import Rule
from trainer.config.schema import Settings
from trainer.data.pipeline_source import PipelineSource
from trainer.feature_cache import decide
from trainer.feature_cache.decide import CacheDecision, SampleSource

PLAIN = {
    "model": {"_target_": "tests.support.nets.TwoConvs"},
    "dataset": {"_target_": "tests.support.cache_decisions.images"},
    "loss": {"_target_": "mindspore.nn.CrossEntropyLoss"},
    "optimizer": {"_target_": "mindspore.nn.SGD", "lr": 0.1},
    "device": {"target": "cpu"},
}


def settings(epochs: int = 3, **features: Any) -> Settings:
    return Settings.model_validate({**PLAIN, "epochs": epochs, "features": features})


def images(*operations: object, count: int = 40) -> ds.Dataset:
    data = np.random.default_rng(0).random((count, 6, 6, 1)).astype(np.float32)
    made = ds.NumpySlicesDataset({"image": data, "label": np.zeros((count, 1), np.int32)})
    return made.map([*operations, vision.HWC2CHW()], ["image"]).batch(4)


def make_decision(
    net: nn.Cell, given: Rule | None, wanted: Settings, made: ds.Dataset | None = None
) -> CacheDecision:
    made = images() if made is None else made
    tried = trial(net, plan_of(net, *([given] if given else [])))
    source = PipelineSource(made, wanted.seed)
    samples, phases = SampleSource(source, source, (4, 4)), [(tried.plan, wanted.epochs)]
    return decide.decide_phases(wanted, tried, samples, None, phases)[0]
