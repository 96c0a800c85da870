"""The training loop where a run resumes."""

from tests.support.nets import TwoConvs
from tests.support.phases import place_of, train_phases
from tests.support.training import IMAGES, LOSS, Recorder, from_start, momentum, plan_of
from trainer.backend.batch_types import Batch
from trainer.engine.loop_spec import Loop
from trainer.engine.optimizer_step import SingleBatchStep
from trainer.engine.progress import Progress
from trainer.engine.train_step import TrainStep
from trainer.metrics.evaluator import Score


def goes_on(start: Progress, epochs: int = 2) -> tuple[Recorder, list[int]]:
    """Go on from some progress with three batches an epoch; give what was told and asked for."""
    net, recorder, asked = TwoConvs(), Recorder(), list[int]()

    def batches(epoch: int) -> list[Batch]:
        asked.append(epoch)
        return [IMAGES] * 3

    what = Loop(
        net,
        momentum,
        lambda optimizer: SingleBatchStep(TrainStep(net, LOSS, optimizer)),
        from_start(batches),
        lambda: Score(0.0, None, 1),
        recorder,
        *place_of([plan_of(net)] * epochs, start=start),
        start=start,
    )
    train_phases(what)
    return recorder, asked


def test_a_run_goes_on_at_the_next_batch_of_the_next_phase() -> None:
    told, asked = goes_on(Progress(1, 2, loss=5.0, samples=8, seconds=60.0))
    assert asked == [2]
    assert len(told.optimizers) == 1, "a phase that is done is passed over"
    (epoch,) = told.epochs
    assert (epoch.number, epoch.steps) == (2, 3)
    assert epoch.loss == (5.0 + told.losses[0]) / 3
    assert epoch.seconds > 60


def test_a_run_that_goes_on_before_its_first_step_tells_its_start_no_second_time() -> None:
    told, asked = goes_on(Progress(), epochs=1)
    assert asked == [1]
    assert [epoch.number for epoch in told.epochs] == [1]


def test_an_epoch_whose_steps_are_all_done_is_only_recorded() -> None:
    told, _ = goes_on(Progress(1, 3, loss=6.0, samples=12, seconds=1.0))
    assert told.losses == []
    assert [(epoch.number, epoch.loss) for epoch in told.epochs] == [(2, 2.0)]


def test_a_run_that_is_done_is_only_scored() -> None:
    told, asked = goes_on(Progress(2))
    assert (told.epochs, told.optimizers, asked) == ([], [], [])
