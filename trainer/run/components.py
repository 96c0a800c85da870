"""Components: what a run is put together from, as plain data classes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from mindspore import Parameter, nn

from trainer.backend.graph.module_tree import ModuleTree
from trainer.checkpoint.pretrained.provenance import Provenance
from trainer.checkpoint.resume import ResumePoint
from trainer.config.phases import PhaseSetting
from trainer.config.rules import Rule
from trainer.config.schema import Settings
from trainer.data.batch_source import BatchSource
from trainer.engine.callback import Callback
from trainer.feature_cache.decide import CacheDecision
from trainer.freezing.plan import Plan
from trainer.metrics.build_metrics import Metric
from trainer.optim.schedule import Schedule
from trainer.phases.adaptive import AdaptivePhases
from trainer.phases.phase import Phase


@dataclass(frozen=True)
class Extras:
    """What is built from a target of its own and may be left out.

    Attributes:
        schedule: of the learning rate; None: it is constant.
        metrics: measured on the validation data, by name.
        callbacks: those of ``callback`` and ``tracker``.
    """

    schedule: Schedule | None = None
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    callbacks: Sequence[Callback] = ()


@dataclass(frozen=True)
class PhaseRules:
    """A phase of the settings, before its rules are resolved against the model.

    Attributes:
        setting: the phase.
        settings: of the run, with what is frozen in the phase.
        rules: what is to be frozen in it.
    """

    setting: PhaseSetting
    settings: Settings
    rules: Sequence[Rule]


@dataclass(frozen=True)
class Preflight:
    """What can be built without the data.

    Attributes:
        model: with its first weights; nothing is frozen yet.
        loss: a cell of (output, label) that returns a scalar.
        tree: the model's cells and parameters.
        rules: what is to be frozen, if the run has no phases.
        device_description: the device, in one line.
        provenance: where the first weights came from; None: they are random, or resumed.
        extras: schedule, metrics and callbacks.
        phases: those of the settings; none: the run has one.
        adaptive: chooses among the phases while the run trains; None: they follow one another.
    """

    model: nn.Cell
    loss: nn.Cell
    tree: ModuleTree
    rules: Sequence[Rule]
    device_description: str
    provenance: Provenance | None = None
    extras: Extras = Extras()
    phases: Sequence[PhaseRules] = ()
    adaptive: AdaptivePhases | None = None


@dataclass(frozen=True)
class RunComponents:
    """What a run starts from.

    Attributes:
        model: with its first weights; nothing is frozen yet.
        loss: a cell of (output, label) that returns a scalar.
        train: (inputs..., label) batches.
        validation: the same for validation; None: there are none.
        plan: what is to be frozen in the first phase, including what lies upstream of the cuts.
        device_description: the device, in one line.
        dropout_count: how many masks dropout has drawn; None: the model has no dropout.
        resume_point: where the run resumes, and with whose weights; None: it is a new run.
        repeatable: whether everything that the model draws at random can be drawn again after a
            resume.
        provenance: where the first weights came from; None: they are random, or resumed.
        cache_decision: whether the outputs of the frozen part are stored.
        extras: schedule, metrics and callbacks.
        classes: number of classes; None: labels are no classes.
        racing: operations of the training data whose random draws cannot be repeated.
        own_generators: operations that draw from a generator whose state is not saved.
        batch_size: samples in the first batch for training.
        data: hashes of the data; empty if they cannot be read again.
        class_weights: those that were counted from the training labels; None: none were.
        class_names: of the data, in the order of the class numbers; none: they are not known.
        eager_error: why the model only runs compiled; empty: it also runs eagerly.
        test: batches for a test; None: there are none.
        phases: in order; a run without phases has one, with an empty name. The plan is that of the
            one in which it starts or resumes.
        cache_decisions: of each phase; none: there is only one.
        adaptive: chooses among the phases while the run trains; None: they follow one another.
    """

    model: nn.Cell
    loss: nn.Cell
    train: BatchSource
    validation: BatchSource | None
    plan: Plan
    device_description: str
    dropout_count: Parameter | None = None
    resume_point: ResumePoint | None = None
    repeatable: bool = True
    provenance: Provenance | None = None
    cache_decision: CacheDecision = CacheDecision()
    extras: Extras = Extras()
    classes: int | None = None
    racing: Sequence[str] = ()
    own_generators: Sequence[str] = ()
    batch_size: int = 0
    data: str = ""
    class_weights: Sequence[float] | None = None
    class_names: Sequence[str] = ()
    eager_error: str = ""
    test: BatchSource | None = None
    phases: Sequence[Phase] = ()
    cache_decisions: Sequence[CacheDecision] = ()
    adaptive: AdaptivePhases | None = None

    def of_phase(self, index: int) -> "RunComponents":
        """Return what a phase of the run trains with."""
        if not self.phases:
            return self
        decisions = self.cache_decisions or [self.cache_decision] * len(self.phases)
        return replace(self, plan=self.phases[index].plan, cache_decision=decisions[index])
