"""Both sides of the parity tests of phases: a run of the trainer, and a hand-written PyTorch loop.

The loop keeps one optimizer with all parameters and sets ``requires_grad`` between phases; PyTorch
does not step what has no gradient, and keeps its state.
"""

import json
import math
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, ClassVar

import mindspore.dataset as ds
import numpy as np
import torch
from mindspore import nn
from safetensors.numpy import save_file
from torch.nn import functional

from tests.parity import mindspore_side, torch_side
from tests.parity.case import Batch, relative
from tests.parity.optimizers import reference
from tests.support.command import trained
from trainer.backend import host_copy
from trainer.core.tensors import Weights
from trainer.data import batches as data
from trainer.datasets.digits import digits
from trainer.engine.callback import Callback, RunInfo
from trainer.engine.progress import Progress
from trainer.freezing.frozen_model import FrozenModel

BATCHES, EPOCHS = 30, 10
STEPS = BATCHES * EPOCHS
OPTIMIZERS: Mapping[str, Mapping[str, float]] = {
    "momentum": {"lr": 0.005, "weight_decay": 0.01},
    "nesterov": {"lr": 0.005, "weight_decay": 0.01},
    "adam": {"lr": 0.002, "weight_decay": 0.01},
    "adamw": {"lr": 0.002, "weight_decay": 0.05},
    "lamb": {"lr": 0.005, "weight_decay": 0.05},
    "lion": {"lr": 0.0005, "weight_decay": 0.05},
}
NET = "chain"
MODULES = ("stem", "body", "top", "fc")


@dataclass(frozen=True)
class Part:
    """A phase, for both sides.

    Attributes:
        steps: its length.
        frozen: modules, from the front.
        settings: its other keys.
    """

    steps: int
    frozen: tuple[str, ...] = ()
    settings: tuple[tuple[str, Any], ...] = ()

    def get(self, key: str, default: Any) -> Any:
        """Return the value of a key."""
        return dict(self.settings).get(key, default)

    def entry(self, number: int) -> dict[str, Any]:
        """Return it as ``phases.list`` has it."""
        entry = {"name": f"part{number}", "freeze": list(self.frozen)}
        return {**entry, "until": {"steps": self.steps}, **dict(self.settings)}


@dataclass(frozen=True)
class Case:
    """A run of several phases.

    Attributes:
        parts: its phases.
        optimizer: name in ``conf/optimizer``.
        cosine: whether the rate falls over the run.
        clip: the largest norm of all gradients; None: no clipping.
    """

    parts: tuple[Part, ...]
    optimizer: str = "adamw"
    cosine: bool = False
    clip: float | None = None


def head_top_all(**settings: Any) -> tuple[Part, ...]:
    """Return three phases; the later ones have these settings."""
    keys = tuple(settings.items())
    first = Part(100, MODULES[:3])
    return first, Part(95, MODULES[:2], keys), Part(105, (), keys)  # one ends within an epoch


def frozen_again(**settings: Any) -> tuple[Part, ...]:
    """Return phases in which `stem` and `body` are thawed, frozen, and thawed once more."""
    keys = tuple(settings.items())
    first, second = Part(60, MODULES[:3]), Part(80, (), keys)
    return first, second, Part(70, MODULES[:2], keys), Part(90, (), keys)


class Recorder(Callback):
    """Records the weights after each step of the last run."""

    steps: ClassVar[list[Weights]] = []

    def on_run_start(self, run: RunInfo) -> None:
        self.steps.clear()

    def on_phase_start(self, applied: FrozenModel, optimizer: nn.Optimizer) -> None:
        self._model = applied.model

    def on_weights_synced(self, progress: Progress) -> None:
        self.steps.append(host_copy.to_numpy(self._model))


@cache
def batches() -> list[Batch]:
    """Return the batches of each epoch."""
    pipeline, _ = digits(batch_size=16, classes=range(10), num_classes=10)
    rows = [(images, labels) for images, labels in data.columns(pipeline, 0, 1)]
    return rows[:BATCHES]


def pipelines() -> tuple[ds.Dataset, None]:
    """Return the training data of ours."""
    samples = [sample for batch in batches() for sample in zip(*batch, strict=True)]
    rows = ds.GeneratorDataset(samples, ["image", "label"], shuffle=False)
    return rows.batch(16), None


@cache
def start() -> Weights:
    """Return weights none of which is 0 or 1."""
    random = np.random.default_rng(1)
    weights: Weights = {}
    for name, shape in mindspore_side.shapes(NET).items():
        if name.endswith((".gamma", ".moving_variance")):
            values = random.uniform(0.5, 1.5, shape)
        else:
            values = random.normal(0, math.sqrt(2 / max(math.prod(shape[1:]), 20)), shape)
        weights[name] = values.astype(np.float32)
    return weights


@cache
def ours(case: Case) -> list[Weights]:
    """Train with the trainer's command; return the weights after each step."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save_file(start(), folder / "start.safetensors")
        entries = [part.entry(number) for number, part in enumerate(case.parts)]
        (folder / "phases.yaml").write_text(json.dumps({"list": entries}))
        trained(folder, *_overrides(case))
    return list(Recorder.steps)


def _overrides(case: Case) -> list[str]:
    keys = OPTIMIZERS[case.optimizer].items()
    return [
        *("model=custom", "model._target_=tests.parity.mindspore_side.Chain"),
        *("dataset=custom", "dataset._target_=tests.parity.phases.pipelines"),
        *("init_from=start.safetensors", "phases.file=phases.yaml", f"epochs={EPOCHS}"),
        *(f"optimizer={case.optimizer}", "optimizer.no_decay=[]", "device.fetch_every=1"),
        *("callback=custom", "callback.custom._target_=tests.parity.phases.Recorder"),
        *(f"optimizer.{key}={value}" for key, value in keys),
        *("schedule=cosine" for _ in range(case.cosine)),
        *(["gradient.clip=norm", f"gradient.clip_value={case.clip}"] if case.clip else []),
    ]


@cache
def theirs(case: Case, frozen_mode: str = "eval") -> list[Weights]:
    """Train the same in PyTorch; return the weights after each step.

    Args:
        case: the phases.
        frozen_mode: mode of the frozen modules; ``train`` is wrong, and shows that it is seen.
    """
    torch.set_num_threads(1)
    model = torch_side.NETS[NET]()
    torch_side.load(model, start())
    make = partial(reference(case.optimizer), **OPTIMIZERS[case.optimizer])
    optimizer, weights, steps = make(_groups(model)), [], iter(range(STEPS))
    for part in case.parts:
        optimizer = _begin(model, optimizer, make, part)
        for module in part.frozen:
            model.get_submodule(module).train(frozen_mode == "train")
        for step, factor in _factors(case, part, steps):
            _step(model, optimizer, batches()[step % BATCHES], case, factor)
            weights.append({k: v.copy() for k, v in torch_side.fetch(model, start()).items()})
    return weights


def _begin(model: torch.nn.Module, optimizer: Any, make: Callable[[Any], Any], part: Part) -> Any:
    """Freeze and thaw what a phase does; return its optimizer."""
    model.train()
    state = part.get("optimizer_state", "keep")
    for name, module in model.named_children():
        is_thawed = name not in part.frozen
        for parameter in module.parameters():
            if state == "new" and is_thawed and not parameter.requires_grad:
                optimizer.state.pop(parameter, None)
            parameter.requires_grad, parameter.grad = is_thawed, None
    return make(_groups(model)) if state == "reset" else optimizer


def _groups(model: torch.nn.Module) -> list[dict[str, Any]]:
    return [{"params": list(module.parameters())} for module in model.children()]


def _factors(case: Case, part: Part, steps: Iterator[int]) -> Iterator[tuple[int, float]]:
    """Yield the steps of a phase, with the factor on the rate of each."""
    rise = part.get("warmup_epochs", 0) * BATCHES
    for taken in range(part.steps):
        step, factor = next(steps), part.get("lr_factor", 1.0)
        if taken < rise:
            factor *= taken / rise
        if case.cosine:
            factor *= 0.5 * (1 + math.cos(math.pi * step / STEPS))
        yield step, factor


def _step(model: torch.nn.Module, optimizer: Any, batch: Batch, case: Case, factor: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = OPTIMIZERS[case.optimizer]["lr"] * factor
    images, labels = batch
    optimizer.zero_grad()
    output = model(torch.from_numpy(images))
    functional.cross_entropy(output, torch.from_numpy(labels).long()).backward()
    if case.clip:
        torch.nn.utils.clip_grad_norm_(model.parameters(), case.clip)
    optimizer.step()
    for group in optimizer.param_groups:  # timm's LAMB counts the steps of a group, frozen or not
        if "step" in group and group["params"][0].grad is None:
            group["step"] -= 1


def apart(one: list[Weights], other: list[Weights]) -> float:
    """Return the largest difference of weights after any step, as in ``relative``."""
    pairs = zip(one, other, strict=True)
    return max(relative(first[name], last[name]) for first, last in pairs for name in last)
