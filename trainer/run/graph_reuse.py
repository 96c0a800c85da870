"""Graph reuse: the compiled graphs of one run, used for the next one in the same process."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

from mindspore import Parameter, Tensor, amp, nn

from trainer.backend import execution_mode
from trainer.backend.cpu_threads import with_dummy_branch
from trainer.backend.optimizer_state import learning_rates, optimizer_state
from trainer.backend.set_parameters import SetParameters
from trainer.checkpoint import restore
from trainer.config import schema
from trainer.config.schema import Settings
from trainer.core import atomic_files
from trainer.distributed import world
from trainer.engine import ema, train_step
from trainer.engine.ema import WeightAverages
from trainer.engine.step_builder import Alone, Around, BoundStep, StepBuilder
from trainer.engine.update import StepOptions
from trainer.feature_cache.features import Features
from trainer.metrics.evaluator import Evaluator
from trainer.run import compile_cache, graph_dependencies
from trainer.run.compile_cache import CompileCache
from trainer.run.components import RunComponents
from trainer.run.step_options import step_options

# Returns what to call in place of a cell that is made for the model, or for a part of it.
WithNet = Callable[[Callable[[nn.Cell], Callable[..., Tensor]]], Callable[..., Tensor]]


@dataclass
class CompiledRun:
    """What a run trains with; its graphs are compiled when they are first called.

    Attributes:
        components: model, loss and counts are those that the graphs were compiled for.
        scaler: scales the loss; None for float32.
        evaluator: of the model.
        key: what the graphs depend on, besides the model.
        fingerprint: of model and loss; None: they cannot be compared.
        cache: holds graphs that other processes compiled.
        options: of the step.
        averages: of the weights; None: there are none.
        accumulation_steps: number of batches per update.
        diverged: see ``TrainStep``.
        optimizer: with its state; None until it is built.
        step: one training step; None until it is built.
    """

    components: RunComponents
    scaler: amp.LossScaler | None
    evaluator: Evaluator
    key: str
    fingerprint: str | None
    cache: CompileCache
    options: StepOptions = StepOptions()
    accumulation_steps: int = 1
    averages: WeightAverages | None = None
    diverged: Parameter | None = None
    optimizer: nn.Optimizer | None = None
    step: BoundStep | None = None
    _setters: dict[tuple[str, ...], Callable[..., Any]] = field(default_factory=dict)

    def of_phase(self, settings: Settings, components: RunComponents) -> "CompiledRun":
        """Return what a later phase trains with: the same, without optimizer and step."""
        if self.averages is not None:
            self.averages.begin_phase(components.plan)
        cache = compile_cache.of_run(settings, components)
        fresh = replace(self, components=components, cache=cache, optimizer=None, step=None)
        fresh._setters = {}
        return fresh

    def make_optimizer(self, make: Callable[[], nn.Optimizer]) -> nn.Optimizer:
        """Return the optimizer that ``make`` returns, or the earlier one with that one's state."""
        fresh = make()
        if self.optimizer is None:
            self.optimizer = fresh
            return fresh
        state = optimizer_state(fresh)
        pairs = [(p, state[n]) for n, p in optimizer_state(self.optimizer).items()]
        rates = zip(learning_rates(self.optimizer), learning_rates(fresh), strict=True)
        self._set([*pairs, *rates])  # a schedule has changed the rates
        return self.optimizer

    def adopt(self, other: RunComponents, scaler: amp.LossScaler | None) -> None:
        """Take over the initial values of a run that is to train with these graphs."""
        compiled, fresh = self.components, dict(other.model.parameters_and_names())
        pairs = [(p, fresh[name]) for name, p in compiled.model.parameters_and_names()]
        extra = restore.extra_state(scaler, other.dropout_count)
        pairs += [
            (p, extra[n])
            for n, p in restore.extra_state(self.scaler, compiled.dropout_count).items()
        ]
        if self.averages is not None:
            averages = self.averages.state().items()
            pairs += [(p, fresh[name.removeprefix(ema.PREFIX)]) for name, p in averages]
        self._set(pairs)
        self.evaluator.start_run()
        self.components = replace(
            other,
            model=compiled.model,
            loss=compiled.loss,
            dropout_count=compiled.dropout_count,
        )

    def _set(self, pairs: Sequence[tuple[Parameter, Parameter]]) -> None:
        """Give the first of each pair the value of the second."""
        names = tuple(target.name for target, _ in pairs)
        if names not in self._setters:
            setter = SetParameters([target for target, _ in pairs])
            self._setters[names] = execution_mode.executable(setter)
        self._setters[names](*(Tensor(new.asnumpy(), dtype=new.dtype) for _, new in pairs))

    def make_step(self, optimizer: nn.Optimizer) -> BoundStep:
        """Return the step of an optimizer: the earlier one, if it is that optimizer's."""
        if self.step is None or optimizer is not self.optimizer:
            self.step = self._build(optimizer, lambda make: make(self.components.model))
        return self.step

    def make_step_on_features(self, optimizer: nn.Optimizer, features: Features) -> BoundStep:
        """Return the step of an optimizer on stored features."""
        return self._build(optimizer, features.make_step)

    def compile(self, name: str, cell: nn.Cell) -> Callable[..., Any]:
        """Return a cell around the model as a function, whose graph the cache keeps."""
        depends = partial(graph_dependencies.of_forward, cell, self.components)
        return self.cache.cached(name, cell, depends)

    def _build(self, optimizer: nn.Optimizer, with_net: WithNet) -> BoundStep:
        """Return the step of an optimizer, for the model or for what stands in its place."""
        components, cached = self.components, self.cache.cached

        def depends(net: nn.Cell) -> Callable[[], dict[str, Any]]:
            return partial(graph_dependencies.of_step, net, components, optimizer, self.options)

        return self.step_builder(
            around=lambda name, make: with_net(lambda net: cached(name, make(net), depends(net))),
            alone=lambda name, cell: cached(name, cell, depends(components.model)),
        ).build(optimizer)

    def step_builder(
        self, around: Around, alone: Alone = lambda name, cell: cell, exchange: Any = None
    ) -> StepBuilder:
        """Return what builds steps of this run's model; the arguments are its attributes."""
        components, ranks = self.components, world.current().world_size
        names = {p.name for p in components.model.get_parameters()}
        others = restore.extra_state(self.scaler, components.dropout_count).values()
        extra = [p for p in others if p.name not in names]  # MindSpore allows no name twice
        unit = float(max(components.batch_size // ranks, 1))
        parts = components.model, components.loss, self.scaler, self.diverged, self.options
        counts = self.accumulation_steps, unit, extra
        return StepBuilder(*parts, *counts, around, alone, exchange, self.averages)


class GraphPool:
    """Keeps what the last run of a process was compiled into.

    Attributes:
        runs: how many runs have begun.
    """

    def __init__(self) -> None:
        self._last: CompiledRun | None = None
        self.runs = 0

    def acquire(self, settings: Settings, components: RunComponents) -> CompiledRun:
        """Return what a run is to train with: the last one with this run's values, or a new one."""
        self.runs += 1
        last, self._last = self._last, None
        scaler = train_step.loss_scaler(settings.device.loss_scale)
        options = step_options(settings, components)
        accumulation_steps = settings.gradient.accumulation_steps
        averaged = _averaged(components) if options.averages else []
        parts = components.plan.as_json(), asdict(options), accumulation_steps > 1, averaged
        key = schema.compiled_key(settings) + atomic_files.dumps(parts)
        mark = graph_dependencies.of_model(components)
        matches = last is not None and last.key == key and last.fingerprint == mark is not None
        if last is not None and matches and _can_adopt(components):
            last.adopt(components, scaler)
            last.accumulation_steps = accumulation_steps
            return last
        cache = compile_cache.of_run(settings, components)
        diverged = train_step.stop_flag(settings.device.fetch_every)
        graphs = scaler, _evaluator(components, cache), key, mark, cache
        averages = _averages(components) if options.averages else None
        steps = options, accumulation_steps, averages
        return CompiledRun(components, *graphs, *steps, diverged)

    def release(self, compiled: CompiledRun) -> None:
        """Keep what a run that ended well was compiled into, for the next."""
        self._last = compiled


def _averages(components: RunComponents) -> WeightAverages:
    """Return the averages of a run; those of the checkpoint, if it resumes."""
    plans = [phase.plan for phase in components.phases if phase.plan != components.plan]
    averages = WeightAverages(components.model, components.plan, *plans)
    if components.resume_point is not None:
        averages.restore(components.resume_point.checkpoint.state)
    return averages


def _averaged(components: RunComponents) -> list[str]:
    """Return the names of what is averaged in any phase."""
    plans = [components.plan, *(phase.plan for phase in components.phases)]
    return sorted({name for plan in plans for name in ema.averaged_names(plan)})


def _can_adopt(components: RunComponents) -> bool:
    """Tell whether a compiled graph can take over a run's initial values.

    What a resume restores is restored by ``set_data``, which a compiled graph ignores, and so is
    what is converted to half precision.
    """
    starts = components.resume_point is None and components.dropout_count is None
    stateless_loss = not any(True for _ in components.loss.get_parameters())
    return starts and components.repeatable and stateless_loss and not components.plan.half


def _evaluator(components: RunComponents, cache: CompileCache) -> Evaluator:
    model = components.model
    depends = partial(graph_dependencies.of_forward, model, components)
    forward = cache.cached("evaluation", with_dummy_branch(model), depends)
    return Evaluator(model, components.loss, world.current(), forward)
