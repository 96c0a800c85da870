"""Last batch: whether the model can train on it, if it holds one sample only."""

import mindspore.dataset as ds
import numpy as np
from mindspore import Tensor, nn

from trainer.backend.batch_types import Batch
from trainer.backend.graph import module_tree
from trainer.backend.graph.dry_run import eager_mode, preserve_state
from trainer.core.errors import ConfigError
from trainer.freezing.frozen_model import FrozenModel
from trainer.freezing.plan import Plan


def check(pipeline: ds.Dataset, model: nn.Cell, plan: Plan, batch: Batch) -> None:
    """Check that the model can train on a pipeline's last batch.

    Args:
        pipeline: of training batches.
        model: left unchanged.
        plan: what is frozen; frozen layers keep their statistics.
        batch: inputs and, last, the label.

    Raises:
        ConfigError: it holds one sample, which batch normalisation cannot take.
    """
    if last_batch_size(pipeline) == 1 and (problem := _one_sample_problem(model, plan, batch)):
        raise ConfigError([problem])


def last_batch_size(pipeline: ds.Dataset) -> int | None:
    """Return the size of a pipeline's last batch; None: it is not known without reading it all."""
    while not isinstance(pipeline, ds.BatchDataset):
        if len(pipeline.children) != 1 or not isinstance(pipeline, ds.MapDataset):
            return None
        (pipeline,) = pipeline.children
    size = pipeline.batch_size
    if pipeline.drop_remainder or not isinstance(size, int):
        return size if isinstance(size, int) else None
    return pipeline.children[0].get_dataset_size() % size or size


def _one_sample_problem(model: nn.Cell, plan: Plan, batch: Batch) -> str:
    """Return what happens if a model trains on one sample; empty: nothing.

    Batch normalisation divides the variance of n values by n - 1.
    """
    with eager_mode(), preserve_state(model):
        frozen_model = FrozenModel(model, plan)
        frozen_model.set_train()
        try:
            model(*(Tensor(column.asnumpy()[:1]) for column in batch[:-1]))
            statistics = module_tree.moving_statistics(model)
            ruined = [p.name for p in statistics if not np.isfinite(p.asnumpy()).all()]
        finally:
            frozen_model.undo()
    if not ruined:
        return ""
    return (
        "dataset: expected more than one sample in the last batch, because batch normalisation of "
        f"one is not finite ({ruined[0]}), received 1; drop it with .batch(..., "
        "drop_remainder=True), or choose another batch_size"
    )
