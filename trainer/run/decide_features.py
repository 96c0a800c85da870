"""Decide features: whether each phase of a run stores outputs of its frozen part."""

from collections.abc import Sequence
from itertools import groupby

from trainer.config.schema import Settings
from trainer.core.text import first_rows, shorten
from trainer.data.run_data import Data
from trainer.distributed import world
from trainer.engine.run_length import RunLength
from trainer.feature_cache import decide
from trainer.feature_cache.cache_probe import CacheProbe
from trainer.feature_cache.decide import CacheDecision, SampleSource
from trainer.phases.phase import Phase
from trainer.run.components import RunComponents
from trainer.run.length import run_length
from trainer.run.plan_rows import Row

_ROWS = 4  # of the start screen


def decide_features(
    settings: Settings,
    probe: CacheProbe,
    data: Data,
    phases: Sequence[Phase],
    fingerprint: str | None,
) -> list[CacheDecision]:
    """Return whether outputs of the frozen part are stored in each phase.

    Args:
        settings: of the run.
        probe: of the model, under any plan; dropout is left as it was.
        data: of the run.
        phases: of the run.
        fingerprint: of the model; None: unknown.

    Raises:
        ConfigError: the settings ask for features that cannot be stored.
    """
    firsts = [b for b in (data.first_train, data.first_validation) if b is not None]
    sizes = data.first_train[-1].shape[0], firsts[-1][-1].shape[0]
    one_row_a_sample = all(c.shape[0] == len(batch[-1]) for batch in firsts for c in batch)
    source = SampleSource(data.train, data.validation, sizes, one_row_a_sample)
    length = run_length(settings, data.train, world.current().world_size)
    epochs = phase_epochs(phases, length)
    plans = [(phase.plan, count) for phase, count in zip(phases, epochs, strict=True)]
    try:
        return decide.decide_phases(settings, probe, source, fingerprint, plans)
    finally:
        probe.reset_dropout()


def phase_epochs(phases: Sequence[Phase], length: RunLength) -> list[float]:
    """Return the number of epochs of each phase, if none ends before its last step."""
    if phases[0].end.steps is None:  # one phase, whatever max_steps is, or adaptive ones
        return [length.whole_epochs] * len(phases)
    left, epochs = length.steps, list[float]()
    for phase in phases:
        steps = left if phase.end.steps is None else min(left, phase.end.steps)
        epochs.append(steps / length.steps_per_epoch)
        left -= steps
    return epochs


def feature_rows(components: RunComponents) -> list[Row]:
    """Return what the start screen says of stored features, a row for equal phases in sequence."""
    decisions = components.cache_decisions or [components.cache_decision]
    if len(decisions) == 1:
        return [("features", decisions[0].why)] if decisions[0].why else []
    pairs = zip([phase.name for phase in components.phases], decisions, strict=True)
    groups = [(why, [name for name, _ in group]) for why, group in groupby(pairs, _why)]
    texts = [f"{shorten(names)}: {why}" for why, names in groups if why]
    labels = ["features", *[""] * _ROWS]
    return list(zip(labels, first_rows(texts, _ROWS), strict=False))


def _why(pair: tuple[str, CacheDecision]) -> str:
    return pair[1].why
