"""Fit context: what the callbacks and the loop of one run share."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mindspore import Parameter

from trainer.backend.host_copy import HostCopy
from trainer.callbacks.background_writer import BackgroundWriter
from trainer.callbacks.freeze_proof import FreezeProof
from trainer.checkpoint import restore
from trainer.config.schema import Settings
from trainer.core.run_files import PROOF
from trainer.distributed import world
from trainer.distributed.world import World
from trainer.optim.rate_schedule import RateSchedule
from trainer.optim.schedule import StepCounts
from trainer.run.components import RunComponents
from trainer.run.graph_reuse import CompiledRun
from trainer.run.learning_rate import build_rate_schedule, step_counts, steps_taken


@dataclass(frozen=True)
class FitContext:
    """What the callbacks and the loop of one run share.

    Attributes:
        settings: of the run.
        components: what it starts from; the model is the one that the graphs were compiled for.
        folder: where everything is written.
        world: this process among the ranks.
        extra: parameters that a step changes besides those of model and optimizer, by name.
        writer: writes files in the background.
        host_copy: of the model.
        proof: that no frozen tensor moved.
        step_counts: in optimizer steps.
        rate_schedule: the learning rates at each optimizer step.
    """

    settings: Settings
    components: RunComponents
    folder: Path
    world: World
    extra: Mapping[str, Parameter]
    writer: BackgroundWriter
    host_copy: HostCopy
    proof: FreezeProof
    step_counts: StepCounts
    rate_schedule: RateSchedule

    @classmethod
    def of(cls, settings: Settings, compiled: CompiledRun, folder: Path) -> "FitContext":
        """Return the context of a run."""
        components, ranks, writer = compiled.components, world.current(), BackgroundWriter()
        length = step_counts(settings, components.train, ranks.world_size)
        schedule, taken = components.extras.schedule, steps_taken(components, length)
        checkpoint = components.resume_point.checkpoint if components.resume_point else None
        return cls(
            settings,
            components,
            folder,
            ranks,
            restore.extra_state(compiled.scaler, components.dropout_count),
            writer,
            HostCopy(components.model),
            FreezeProof(folder / PROOF, checkpoint, ranks, writer.submit),
            length,
            build_rate_schedule(settings, schedule, components.plan, length, taken),
        )
