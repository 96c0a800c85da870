"""Choice: whether a run stores features, and what it says of that."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import mindspore as ms
import mindspore.dataset as ds
from mindspore import nn

from trainer.backend.batch_types import Columns
from trainer.backend.compile import fingerprint as fingerprints
from trainer.backend.compile.fingerprint import NotComparable
from trainer.backend.graph import flops, tracer
from trainer.config.schema import Settings
from trainer.core import text as text_
from trainer.core.errors import ConfigError
from trainer.core.text import shorten
from trainer.data import batches
from trainer.feature_cache import cacheable, cost_model, features, random_ops
from trainer.feature_cache.cacheable import Cacheable, CacheProbe, NotCacheable
from trainer.feature_cache.cost_model import Volume

if TYPE_CHECKING:  # which imports this
    pass


# How variables begin that may change what is computed.
_COMPUTING = ("ONEDNN_", "DNNL_")
_NO_BIT = {"threads", "fetch_every", "loss_scale", "device_id"}  # of the device's settings


@dataclass(frozen=True)
class CacheDecision:
    """What becomes of the outputs of the frozen part.

    Attributes:
        storable: what is stored; None: nothing.
        why: what the screen says of it; empty: nothing.
        net: fingerprint of the net; None: unknown, so that nothing is left for other runs.
    """

    storable: Cacheable | None = None
    why: str = ""
    net: str | None = None


@dataclass(frozen=True)
class SampleSource:
    """Where samples come from.

    Attributes:
        train: pipeline of training batches.
        validation: the same for validation.
        sizes: samples in the first batch of each.
        rows: whether each column of those has a row for each sample.
    """

    train: ds.Dataset
    validation: ds.Dataset
    sizes: tuple[int, int]
    rows: bool = True

    def volume(self, settings: Settings) -> Volume:
        """Return how much there is to compute."""
        counts = [p.get_dataset_size() for p in (self.train, self.validation)]
        samples = [count * size for count, size in zip(counts, self.sizes, strict=True)]
        return Volume(samples[0], samples[1], settings.epochs, settings.features.views or 1)


def fingerprint(settings: Settings, net: nn.Cell) -> str | None:
    """Return a hash of a net but for its values; None: it cannot be told, or need not be."""
    if settings.features.mode == "off":
        return None
    try:
        return fingerprints.of_cell(net)
    except NotComparable:
        return None


def decide(
    settings: Settings, trial: CacheProbe, source: SampleSource, net: str | None
) -> CacheDecision:
    """Return whether features are stored; what that needs is tried before anything is compiled.

    Args:
        settings: of the run.
        trial: the net under its plan, and a few samples.
        source: all samples.
        net: fingerprint of the net; None: unknown.

    Raises:
        ConfigError: they are to be stored, and cannot be.
    """
    mode = settings.features.mode
    if mode == "off":
        return CacheDecision()
    try:
        return _choose(settings, trial, source, net)
    except NotCacheable as refusal:
        why = str(refusal)
    except Exception as error:  # whatever a net of any make raises; without a store it may train
        why = f"the net cannot be tried: {text_.first_line(error)}"
    if mode == "store":
        expected = "features: expected a frozen part whose outputs can be stored"
        raise ConfigError([f"{expected}, received one that cannot be: {why}; use features=off"])
    return CacheDecision(None, f"not stored: {why}")


def _choose(
    settings: Settings, trial: CacheProbe, source: SampleSource, net: str | None
) -> CacheDecision:
    if not trial.plan.select("frozen"):
        raise NotCacheable("nothing is frozen")
    volume, auto = source.volume(settings), settings.features.mode == "auto"
    target = ms.get_context("device_target")
    if auto:  # all that the net computes is more than could be saved
        _check_payoff(cost_model.predict(volume, _most(trial), 0, target))
    if not source.rows:
        raise NotCacheable("an input has no row for each sample")
    if settings.features.views is None:
        _check_data(settings, source, volume)
    found = cacheable.find(trial)
    if settings.features.views and found.needs_inputs:
        raise NotCacheable("views are stored without the images, which the net needs besides")
    stored = features.columns(found, settings.features.dtype)
    row = sum(column.nbytes for column in stored)
    _check_room(settings, volume.rows * row, shared=net is not None)
    gain = cost_model.predict(volume, found.work, row, target)
    if auto:
        _check_payoff(gain)
    where = shorten(list(found.boundary.stored))
    text = f"stored: outputs of {where}, {volume.rows * row / 1e6:,.1f} MB"
    if settings.features.views:
        text += f", {volume.views} fixed views of each image, which changes the training"
    text += f"; saves some {gain.saved:,.0f} s, costs {gain.cost:,.0f} s"
    if net is None:
        text += "; for this run alone, as the net cannot be told from others by its code"
    return CacheDecision(found, text, net)


def _most(trial: CacheProbe) -> float:
    """Return the multiply-adds of a sample in the whole net."""
    lineage = tracer.trace(trial.net, [(trial.loss, trial.batch)])
    return flops.forward(lineage, set(lineage.nodes)) / trial.size


def _check_payoff(gain: cost_model.Estimate) -> None:
    if not gain.pays:
        saved, cost = f"{gain.saved:,.1f} s", f"{gain.cost:,.0f} s"
        raise NotCacheable(f"it would save some {saved} and cost {cost}; features=store does it")


def _check_data(settings: Settings, source: SampleSource, volume: Volume) -> None:
    views = "features.views=K stores K views of each image"
    pipelines = source.train, source.validation
    if drawn := dict.fromkeys(n for p in pipelines for n in random_ops.random_operations(p)):
        raise NotCacheable(f"the data are augmented at random by {shorten([*drawn])}; {views}")

    def inputs(epoch: int) -> Iterator[Columns]:
        return (c[:-1] for c in batches.columns(source.train, settings.seed, epoch))

    if random_ops.differs(inputs, volume.train):
        raise NotCacheable(f"the data are not the same in every epoch; {views}")


def _check_room(settings: Settings, needed: int, shared: bool) -> None:
    limits = settings.features.memory_mb, settings.features.max_mb if shared else 0
    if needed > 1e6 * max(limits):
        keys = "features.memory_mb and features.max_mb, {:g} and {:g}".format(*limits)
        raise NotCacheable(f"{needed / 1e6:,.0f} MB are more than {keys}")
