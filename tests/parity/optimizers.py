"""Both sides of the parity tests of optimizers: 100 steps of a small model in each framework.

Command: ``python -m tests.parity.optimizers`` prints how far apart they end.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from typing import Any

import mindspore as ms
import numpy as np
import torch
from mindspore import Parameter, Tensor, nn, ops
from numpy.typing import NDArray
from torch.nn import functional

from tests.support.phases import carry_over
from tests.support.torchvision_import import define_operators
from tests.support.training import rule
from trainer.backend import host_copy
from trainer.backend.graph import module_tree
from trainer.backend.optimizer_state import learning_rates
from trainer.config import overrides
from trainer.config.rules import Rule
from trainer.core.tensors import Weights
from trainer.engine.train_step import TrainStep
from trainer.freezing import plan
from trainer.freezing.frozen_model import FrozenModel
from trainer.optim import optimizer

STEPS, THAW = 100, 60
# Rates and decays: `first` has those of the optimizer, the others a third of the rate and no decay.
LR_FACTOR = 0.3
CASES: Mapping[str, Mapping[str, float]] = {
    "sgd": {"lr": 0.1, "weight_decay": 0.05},
    "momentum": {"lr": 0.1, "weight_decay": 0.05},
    "nesterov": {"lr": 0.1, "weight_decay": 0.05},
    "adam": {"lr": 0.01, "weight_decay": 0.05},
    "adamw": {"lr": 0.01, "weight_decay": 0.05},
    "lamb": {"lr": 0.01, "weight_decay": 0.05},
    "lion": {"lr": 0.003, "weight_decay": 0.05},
}


def reference(name: str) -> Callable[..., torch.optim.Optimizer]:
    """Return what makes the optimizer that one of ours is to equal."""
    if name in ("lamb", "lion"):
        return getattr(_timm(), name.capitalize())
    sgd = partial(torch.optim.SGD, momentum=0.9)
    return {
        "sgd": torch.optim.SGD,
        "momentum": sgd,
        "nesterov": partial(sgd, nesterov=True),
        "adam": torch.optim.Adam,
        "adamw": torch.optim.AdamW,
    }[name]


@cache
def _timm() -> Any:
    define_operators()
    from timm import optim

    return optim


class Model(nn.Cell):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Dense(20, 32)
        self.norm = nn.LayerNorm([32], epsilon=1e-5)
        self.last = nn.Dense(32, 5)

    def construct(self, x: Tensor) -> Tensor:
        return self.last(ops.silu(self.norm(self.first(x))))


class TorchModel(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Linear(20, 32)
        self.norm = torch.nn.LayerNorm(32)
        self.last = torch.nn.Linear(32, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(functional.silu(self.norm(self.first(x))))

    def by_name(self) -> dict[str, torch.nn.Parameter]:
        """Return the parameters by MindSpore's names."""
        names = {"norm.weight": "norm.gamma", "norm.bias": "norm.beta"}
        return {names.get(name, name): p for name, p in self.named_parameters()}


def start() -> Weights:
    """Return weights none of which is 0 or 1."""
    random = np.random.default_rng(0)
    shapes = {name: p.shape for name, p in Model().parameters_and_names()}
    weights = {name: random.normal(0, 0.3, shape) for name, shape in shapes.items()}
    weights["norm.gamma"] += 1
    return {name: values.astype(np.float32) for name, values in weights.items()}


def batches() -> Iterator[tuple[float, NDArray[np.float32], NDArray[np.int32]]]:
    """Yield the factor on the rates, the inputs and the labels of each step."""
    random = np.random.default_rng(1)
    for step in range(STEPS):
        factor = min(1, (step + 1) / 10) * 0.5 * (1 + math.cos(math.pi * step / STEPS))
        inputs, labels = random.normal(size=(16, 20)), random.integers(0, 5, 16)
        yield factor, inputs.astype(np.float32), labels.astype(np.int32)


def ours(name: str, late: bool = False) -> Weights:
    """Train with an optimizer of the trainer; ``late``: ``first`` is frozen until step THAW."""
    model = Model()
    host_copy.from_numpy(model, start())
    spec = overrides.check([f"optimizer={name}"])[0]["optimizer"] | CASES[name]
    step, own = _step(model, spec, [rule("first", method="requires_grad")] if late else [])
    rates = _rates(own)
    for number, (factor, inputs, labels) in enumerate(batches()):
        if late and number == THAW:
            before = own
            step, own = _step(model, spec, [])
            carry_over(before, own)
            rates = _rates(own)
        for parameter, rate in rates:
            ops.assign(parameter, Tensor(rate * factor, ms.float32))
        step(Tensor(inputs), Tensor(labels))
    return host_copy.to_numpy(model)


def _rates(own: nn.Optimizer) -> list[tuple[Parameter, float]]:
    return [(rate, float(rate.asnumpy())) for rate in learning_rates(own)]


def _step(
    model: nn.Cell, spec: dict[str, Any], frozen: list[Rule]
) -> tuple[TrainStep, nn.Optimizer]:
    others = Rule(
        ("first.bias", "norm", "last.bias"), "train", False, None, lr_factor=LR_FACTOR,
        weight_decay=0.0, label="slow",
    )  # fmt: skip
    resolved = plan.resolve([*frozen, others], module_tree.describe(model))
    applied = FrozenModel(model, resolved)
    own = optimizer.build_optimizer(spec, applied.trainable, resolved)
    applied.undo()
    model.set_train()
    return TrainStep(model, nn.CrossEntropyLoss(), own), own


def theirs(name: str, late: bool = False) -> Weights:
    """Train the same in PyTorch."""
    model, settings = TorchModel(), CASES[name]
    parameters = model.by_name()
    for key, values in start().items():
        parameters[key].data = torch.tensor(values)
    fast = {"params": [parameters["first.weight"], parameters["last.weight"]], **settings}
    slow = {
        "params": [p for key, p in parameters.items() if not key.endswith("t.weight")],
        "lr": settings["lr"] * LR_FACTOR,
        "weight_decay": 0.0,
    }
    own = reference(name)([fast, slow])
    rates = [group["lr"] for group in own.param_groups]
    for number, (factor, inputs, labels) in enumerate(batches()):
        for parameter in model.first.parameters():
            parameter.requires_grad = not late or number >= THAW
        for group, rate in zip(own.param_groups, rates, strict=True):
            group["lr"] = rate * factor
        own.zero_grad()
        functional.cross_entropy(
            model(torch.tensor(inputs)), torch.tensor(labels).long()
        ).backward()
        own.step()
    return {key: p.detach().numpy() for key, p in parameters.items()}


def difference(name: str, late: bool = False, other: str = "") -> float:
    """Return the largest difference of two weights, relative to how far any has moved.

    Args:
        name: of ours.
        late: whether a part is frozen at first.
        other: of the one that it is compared with, if not its own.
    """
    own, reference_end = ours(name, late), theirs(other or name, late)
    return _furthest(own, reference_end) / _furthest(reference_end, start())


def _furthest(one: Weights, other: Weights) -> float:
    return max(float(np.abs(np.subtract(one[name], other[name])).max()) for name in one)


if __name__ == "__main__":
    ms.set_device("CPU")
    ms.set_context(mode=ms.GRAPH_MODE)
    for case in CASES:
        print(f"{case:10} {difference(case):.1e}")
    for case in ("adam", "adamw"):
        print(f"{case:10} {difference(case, late=True):.1e}, a part of it thawed at step {THAW}")
