"""Decides whether a run stores features, and what it reports about that."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import mindspore as ms
from mindspore import nn

from trainer.backend.batch_types import Columns
from trainer.backend.compile import fingerprint as fingerprints
from trainer.backend.compile.fingerprint import NotComparable
from trainer.backend.convolutions import choice
from trainer.backend.graph import flops
from trainer.config.schema import Settings
from trainer.core.errors import ConfigError
from trainer.core.text import first_line, shorten
from trainer.data.batch_source import BatchSource
from trainer.feature_cache import cost_model, random_ops
from trainer.feature_cache.cache_probe import CacheProbe
from trainer.feature_cache.cacheable import Cacheable, NotCacheable, find_cacheable
from trainer.feature_cache.cost_model import Volume
from trainer.feature_cache.feature_columns import column_specs
from trainer.freezing.plan import Plan

_NOT_STORED = "not stored: "


@dataclass(frozen=True)
class CacheDecision:
    """Whether the outputs of the frozen part are stored.

    Attributes:
        storable: what is stored; None: nothing.
        why: the line on the screen; empty: none.
        net: fingerprint of the model; None: unknown, so that other runs cannot use the features.
        nbytes: bytes that all features take.
    """

    storable: Cacheable | None = None
    why: str = ""
    net: str | None = None
    nbytes: float = 0


@dataclass(frozen=True)
class SampleSource:
    """The samples of a run.

    Attributes:
        train: training batches.
        validation: validation batches; None: there are none.
        batch_sizes: samples in the first batch of each.
        has_rows: whether each column of those batches has a row per sample.
    """

    train: BatchSource
    validation: BatchSource | None
    batch_sizes: tuple[int, int]
    has_rows: bool = True

    def volume(self, settings: Settings, epochs: float | None = None) -> Volume:
        """Return how many samples a run, or a phase of some epochs, computes and stores."""
        counts = [p.batch_count if p else 0 for p in (self.train, self.validation)]
        samples = [count * size for count, size in zip(counts, self.batch_sizes, strict=True)]
        epochs = settings.epochs if epochs is None else epochs
        return Volume(samples[0], samples[1], epochs, settings.features.views or 1)

    @cached_property
    def augmentation(self) -> str:
        """Why the data are not the same in every epoch; empty: they are."""
        parts = [part for part in (self.train, self.validation) if part is not None]
        names = [part.augmentation() for part in parts]
        names += [name for part in parts for name in random_ops.random_operations(part.origin)]
        if names := [*filter(None, dict.fromkeys(names))]:
            return f"the data are augmented at random by {shorten(names)}"
        whole = self.train.unlimited()  # limited epochs have other samples each

        def inputs(epoch: int) -> Iterator[Columns]:
            return (c[:-1] for c in whole.columns(epoch))

        differ = random_ops.epochs_differ(inputs, whole.batch_count * self.batch_sizes[0])
        return "the data are not the same in every epoch" if differ else ""


def fingerprint(settings: Settings, model: nn.Cell) -> str | None:
    """Return a hash of a model without its values; None: it is unknown or not needed."""
    if settings.features.mode == "off":
        return None
    try:
        return fingerprints.of_cell(model)
    except NotComparable:
        return None


def decide_phases(
    settings: Settings,
    probe: CacheProbe,
    source: SampleSource,
    model: str | None,
    phases: Sequence[tuple[Plan, float]],
) -> list[CacheDecision]:
    """Return whether features are stored in each phase; this is tried before anything is compiled.

    Args:
        settings: of the run.
        probe: the model, any of its plans, and a few samples.
        source: all samples.
        model: fingerprint of the model; None: unknown.
        phases: plan and number of epochs of each.

    Raises:
        ConfigError: the settings ask for features, and they can be stored in none of the phases.
    """
    known: dict[tuple[Plan, float], CacheDecision] = {}
    for plan, epochs in phases:
        if (plan, epochs) not in known:
            of_plan = replace(probe, plan=plan)
            known[plan, epochs] = _decide(settings, of_plan, source, model, epochs)
    if settings.features.mode == "store" and not any(d.storable for d in known.values()):
        reason = known[phases[0]].why.removeprefix(_NOT_STORED)
        wanted = "features: expected a frozen part whose outputs can be stored"
        advice = f"received one that cannot be: {reason}; use features=off"
        raise ConfigError([f"{wanted}, {advice}"])
    return [known[phase] for phase in phases]


def _decide(
    settings: Settings, probe: CacheProbe, source: SampleSource, model: str | None, epochs: float
) -> CacheDecision:
    mode = settings.features.mode
    if mode == "off" or (mode == "auto" and not probe.plan.select("frozen")):
        return CacheDecision()
    try:
        return _try(settings, probe, source, model, epochs)
    except NotCacheable as refusal:
        reason = str(refusal)
    except Exception as error:  # any model may raise anything; it may train without features
        reason = f"the model cannot be tried: {first_line(error)}"
    return CacheDecision(None, f"{_NOT_STORED}{reason}")


def _try(
    settings: Settings, probe: CacheProbe, source: SampleSource, model: str | None, epochs: float
) -> CacheDecision:
    volume, auto = source.volume(settings, epochs), settings.features.mode == "auto"
    device = ms.get_context("device_target"), choice.current().blocked
    if auto:  # the whole model is an upper bound
        bound = cost_model.estimate(volume, _model_macs(probe), 0, *device)
        if bound.is_negligible:
            return CacheDecision()
        _check_benefit(bound)
    cacheable = _find_cacheable(settings, probe, source)
    row_bytes = sum(column.nbytes for column in column_specs(cacheable, settings.features.dtype))
    nbytes = volume.rows * row_bytes
    _check_room(settings, nbytes, shared=model is not None)
    estimate = cost_model.estimate(volume, cacheable.macs, row_bytes, *device)
    if auto:
        _check_benefit(estimate, advice="; features=store stores them nevertheless")
    summary = _describe(settings, cacheable, nbytes, estimate)
    if model is None:
        summary += "; for this run only, because the code of the model cannot be identified"
    return CacheDecision(cacheable, summary, model, nbytes)


def _find_cacheable(settings: Settings, probe: CacheProbe, source: SampleSource) -> Cacheable:
    """Return what can be stored of a model and its data.

    Raises:
        NotCacheable: nothing can.
    """
    if not probe.plan.select("frozen"):
        raise NotCacheable("nothing is frozen")
    if tta := settings.evaluation.tta:
        raise NotCacheable(f"evaluation.tta={tta} also needs the outputs of mirror images")
    if not source.has_rows:
        raise NotCacheable("an input has no row for each sample")
    if settings.features.views is None and source.augmentation:
        advice = "features.views=K (with features=store) can store K views of each image"
        raise NotCacheable(f"{source.augmentation}; {advice}")
    cacheable = find_cacheable(probe)
    if settings.features.views and cacheable.needs_inputs:
        raise NotCacheable("views are stored without the images, which the model also needs")
    return cacheable


def _describe(
    settings: Settings, cacheable: Cacheable, nbytes: float, estimate: cost_model.Estimate
) -> str:
    megabytes = nbytes / 1e6
    size = f"{megabytes:,.1f}" if megabytes >= 0.1 else f"{megabytes:.1g}"
    summary = f"stored: outputs of {shorten(list(cacheable.boundary.stored))}, {size} MB"
    if views := settings.features.views:
        summary += f", {views} fixed views of each image, which changes the training"
    return f"{summary}; saves {_about(estimate.saved)}, costs {_seconds(estimate.cost)}"


def _model_macs(probe: CacheProbe) -> float:
    """Return the multiply-adds per sample of the whole model."""
    graph = probe.graph()
    return flops.forward(graph, set(graph.nodes)) / probe.size


def _check_benefit(estimate: cost_model.Estimate, advice: str = "") -> None:
    if not estimate.pays:
        saved, cost = _about(estimate.saved, 1), _seconds(estimate.cost)
        raise NotCacheable(f"they would save {saved} and cost {cost}{advice}")


def _about(value: float, decimals: int = 0) -> str:
    text = _seconds(value, decimals)
    return text if text.startswith("less") else f"about {text}"


def _seconds(value: float, decimals: int = 0) -> str:
    """Return seconds, in a way that does not round a short time to 0."""
    if 0 < value < 0.05:
        return "less than 0.1 s"
    return f"{value:,.{max(decimals, int(value <= 0.5))}f} s"


def _check_room(settings: Settings, nbytes: float, shared: bool) -> None:
    """Check that either the memory or, for features that runs share, the folder holds them."""
    memory, folder = settings.features.memory_mb, settings.features.max_mb
    if nbytes <= 1e6 * max(memory, folder if shared else 0):
        return
    limits = f"features.memory_mb={memory}"
    if shared:
        limits += f" and features.max_mb={folder}"
    needed = math.ceil(nbytes / 1e3) / 1e3  # rounded up: a size beyond a limit is shown beyond it
    raise NotCacheable(f"they need {needed:,.3f} MB, more than {limits}")
