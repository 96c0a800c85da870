"""Progress: what the steps of an epoch add up to."""

import math

from trainer.engine.progress import Progress, StepReport


def test_one_norm_that_is_nan_makes_mean_and_maximum_nan() -> None:
    progress = Progress()
    for norm in (2.0, 3.0, 1.0):
        progress = progress.after(StepReport(1.0, norm=norm), 4, 0.1)
    assert (progress.norms, progress.norm, progress.largest_norm) == (3, 6.0, 3.0)
    for norm in (math.nan, 5.0):
        progress = progress.after(StepReport(1.0, norm=norm), 4, 0.1)
        assert math.isnan(progress.norm)
        assert math.isnan(progress.largest_norm)
