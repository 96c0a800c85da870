"""Sharing: the compiled graphs of one run, used for the next in the same process."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from mindspore import Parameter, ParameterTuple, Tensor, amp, nn, ops

from trainer.backend.compile import fingerprint
from trainer.backend.compile.fingerprint import NotComparable
from trainer.backend.cpu_threads import with_dummy_branch
from trainer.backend.optimizer_state import optimizer_state
from trainer.checkpoint import restore
from trainer.config import schema
from trainer.config.schema import Settings
from trainer.core import atomic_files
from trainer.distributed import world
from trainer.engine import train_step as step
from trainer.engine.train_step import TrainStep
from trainer.metrics.evaluator import Evaluator
from trainer.run import compile_cache
from trainer.run.compile_cache import CompileCache
from trainer.run.setup import RunComponents


@dataclass
class CompiledRun:
    """What a run trains with; its graphs are compiled when they are first called.

    Attributes:
        setup: net, loss and counts are those that the graphs are of.
        scaler: scales the loss; None for float32.
        evaluator: of the net.
        key: what the graphs depend on, besides the net.
        cells: the fingerprint of net and loss; None: they cannot be compared.
        cache: has the graphs that were compiled by others.
        halted: see ``Step``.
        optimizer: with its state; None until it is made.
        step: one training step; None until it is made.
    """

    components: RunComponents
    scaler: amp.LossScaler | None
    evaluator: Evaluator
    key: str
    fingerprint: str | None
    cache: CompileCache
    diverged: Parameter | None = None
    optimizer: nn.Optimizer | None = None
    step: Callable[..., Tensor] | None = None
    _puts: dict[tuple[str, ...], "_Put"] = field(default_factory=dict)

    def make_optimizer(self, make: Callable[[], nn.Optimizer]) -> nn.Optimizer:
        """Return the optimizer that ``make`` makes, or the one before with its state."""
        made = make()
        if self.optimizer is None:
            self.optimizer = made
            return made
        fresh = optimizer_state(made)
        self._put([(p, fresh[n]) for n, p in optimizer_state(self.optimizer).items()])
        return self.optimizer

    def adopt(self, setup: RunComponents, scaler: amp.LossScaler | None) -> None:
        """Take over the first values of a run that is to train with these graphs."""
        own, fresh = self.components, dict(setup.model.parameters_and_names())
        pairs = [(p, fresh[name]) for name, p in own.model.parameters_and_names()]
        others = restore.extra(scaler, setup.dropout_count)
        pairs += [(p, others[n]) for n, p in restore.extra(self.scaler, own.dropout_count).items()]
        self._put(pairs)
        self.components = replace(
            setup, model=own.model, loss=own.loss, dropout_count=own.dropout_count
        )

    def _put(self, pairs: Sequence[tuple[Parameter, Parameter]]) -> None:
        """Give the first of each pair the value of the second."""
        names = tuple(own.name for own, _ in pairs)
        if names not in self._puts:
            self._puts[names] = _Put([own for own, _ in pairs])
        self._puts[names](*(Tensor(new.asnumpy(), dtype=new.dtype) for _, new in pairs))

    def make_step(self, made: nn.Optimizer) -> Callable[..., Tensor]:
        """Return the step of an optimizer, the one before if it is that optimizer's."""
        if self.step is None or made is not self.optimizer:
            setup = self.components
            taken = {p.name for p in setup.model.get_parameters()}
            others = restore.extra(self.scaler, setup.dropout_count).values()
            extra = [p for p in others if p.name not in taken]  # MindSpore allows no name twice
            step = TrainStep(setup.model, setup.loss, made, self.scaler, extra, self.diverged)
            self.step = self.cache.cached("step", step, lambda: _of_step(setup, made))
        return self.step


class _Put(nn.Cell):
    """Sets parameters from within a graph.

    ``Parameter.set_data`` does not reach the graph once it is compiled, where a parameter was
    initialised late, as an optimizer's moments are: they seem to be 0, and go on as they were.
    """

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        super().__init__(auto_prefix=False)
        self.parameters = ParameterTuple(parameters)

    def construct(self, *values: Tensor) -> int:
        """Set each parameter to the value of the same place."""
        for parameter, value in zip(self.parameters, values):  # noqa: B905 (not in a graph)
            ops.assign(parameter, value)
        return 0


class GraphPool:
    """Keeps what the last run of a process was compiled into.

    Attributes:
        runs: how many runs have begun.
    """

    def __init__(self) -> None:
        self._kept: CompiledRun | None = None
        self.runs = 0

    def acquire(self, settings: Settings, setup: RunComponents) -> CompiledRun:
        """Return what a run is to train with: what is kept, with the run's values, or new."""
        self.runs += 1
        kept, self._kept = self._kept, None
        scaler = step.loss_scaler(settings.device.loss_scale)
        key = schema.compiled_key(settings) + atomic_files.dumps(setup.plan.as_json())
        cells = _fingerprint(setup)
        # What is restored is restored by set_data, which a graph that is compiled does not heed.
        plain = setup.resume_point is None and setup.dropout_count is None and setup.repeatable
        fits = plain and not _has_state(setup.loss) and kept is not None and kept.key == key
        if kept is None or not fits or cells is None or kept.fingerprint != cells:
            cache = compile_cache.of_run(settings, setup)
            evaluator, halted = (
                _evaluator(setup, cache),
                step.stop_flag(settings.device.fetch_every),
            )
            return CompiledRun(setup, scaler, evaluator, key, cells, cache, halted)
        kept.adopt(setup, scaler)
        return kept

    def release(self, compiled: CompiledRun) -> None:
        """Keep what a run that ended well was compiled into, for the next."""
        self._kept = compiled


def _evaluator(setup: RunComponents, cache: CompileCache) -> Evaluator:
    whole = with_dummy_branch(setup.model)
    forward = cache.cached("evaluation", whole, lambda: {"net": _of(setup.model, setup)})
    return Evaluator(setup.model, setup.loss, world.current(), forward)


def _of_step(setup: RunComponents, made: nn.Optimizer) -> dict[str, Any]:
    """Return what a step's graph depends on, besides the settings."""
    state = [[p.name, list(p.shape), str(p.dtype)] for p in made.get_parameters()]
    return {
        "net": _of(setup.model, setup),
        "loss": _of(setup.loss, setup),
        "optimizer": [fingerprint.of_class(type(made)), state],
    }


def _of(cell: nn.Cell, setup: RunComponents) -> str:
    return fingerprint.of_cell(
        cell, [setup.dropout_count] if setup.dropout_count is not None else []
    )


def _has_state(loss: nn.Cell) -> bool:
    return any(True for _ in loss.get_parameters())


def _fingerprint(setup: RunComponents) -> str | None:
    """Return what net and loss consist of, but for their parameters' values; None: not known."""
    with suppress(NotComparable):
        return fingerprint.of_cell(setup.model) + fingerprint.of_cell(setup.loss)
    return None
