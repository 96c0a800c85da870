"""The phases of a loop without settings, and what is carried over between them."""

from collections.abc import Sequence

from mindspore import nn

from trainer.engine.history import History
from trainer.engine.loop import train
from trainer.engine.loop_spec import Loop
from trainer.engine.phase_place import PhasePlace, PhaseStart
from trainer.engine.progress import Progress
from trainer.engine.run_length import RunLength
from trainer.freezing.plan import Plan
from trainer.optim.state_bank import StateBank
from trainer.phases.phase import Phase, PhaseEnd


def place_of(
    plans: Sequence[Plan], steps_per_epoch: int = 3, epochs: int = 1, start: Progress | None = None
) -> tuple[RunLength, PhasePlace]:
    """Return length and place of a run with some epochs under each plan."""
    length = RunLength(epochs * len(plans), steps_per_epoch)
    steps = epochs * steps_per_epoch
    phases = [Phase(f"phase{n}", plan, PhaseEnd(steps)) for n, plan in enumerate(plans)]
    index = start.epochs // epochs if start else 0
    starts = [
        PhaseStart(n, f"phase{n}", epochs=n * epochs) for n in range(min(index, len(plans) - 1) + 1)
    ]
    return length, PhasePlace(phases, length, History(), starts)


def train_phases(loop: Loop) -> Progress:
    """Train with the same loop in each phase."""
    return train(lambda: loop, loop.place)


def carry_over(old: nn.Optimizer, new: nn.Optimizer) -> None:
    """Give an optimizer the state of the one before."""
    bank = StateBank()
    bank.keep(old)
    bank.restore(new, "keep", ())
