"""Step rows: what the start screen says of accumulation, averages and skipped steps."""

from trainer.backend.graph import module_tree
from trainer.config.schema import Settings
from trainer.distributed import world
from trainer.run.components import RunComponents
from trainer.run.plan_rows import Row


def fetches_each(settings: Settings) -> bool:
    """Tell whether the host waits for each step, whatever ``device.fetch_every`` says.

    A step that is skipped after an overflow does not count for the schedule and for the warm-up of
    averages, so the rates of the next one depend on it. Ranks agree on a stop after each step.
    """
    return world.current().world_size > 1 or _depends_on_skips(settings)


def _depends_on_skips(settings: Settings) -> bool:
    counts = settings.schedule is not None or (settings.ema.decay and settings.ema.warmup)
    return settings.device.loss_scale != 1 and bool(counts)


def step_rows(settings: Settings, components: RunComponents) -> list[Row]:
    """Return rows on what a step does in addition to its update."""
    return [*_accumulation_rows(settings, components), *_ema_rows(settings), *_skip_rows(settings)]


def _accumulation_rows(settings: Settings, components: RunComponents) -> list[Row]:
    """Return how many batches an update takes, and what BatchNorm makes of that."""
    batches, size = settings.gradient.accumulation_steps, components.batch_size
    if batches == 1:
        return []
    rows = [("update", f"after {batches} batches of {size}, by their mean gradient")]
    if module_tree.moving_statistics(components.model):
        each = f"each batch of {size} is normalised by itself"
        rows.append(("", f"BatchNorm: {each}, so {batches} batches are not one large batch"))
    return rows


def _ema_rows(settings: Settings) -> list[Row]:
    ema = settings.ema
    if ema.decay is None:
        return []
    warmup = f", with a warm-up of {ema.warmup_updates}" if ema.warmup else ""
    return [("averages", f"of what trains, decay {ema.decay:g}{warmup}: ema.safetensors")]


def _skip_rows(settings: Settings) -> list[Row]:
    if settings.device.fetch_every == 1 or not _depends_on_skips(settings):
        return []
    why = "with a loss scale, the rate of a step depends on whether the one before was skipped"
    return [("", f"device.fetch_every={settings.device.fetch_every} is taken as 1: {why}")]
