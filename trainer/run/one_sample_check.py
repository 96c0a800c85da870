"""One-sample check: batch normalisation cannot train on a batch of one sample."""

import numpy as np
from mindspore import Tensor, nn

from trainer.backend.batch_types import Batch
from trainer.backend.graph import module_tree
from trainer.backend.graph.dry_run import eager_mode, preserve_state
from trainer.core.errors import ConfigError
from trainer.data.batch_source import BatchSource
from trainer.freezing.frozen_model import FrozenModel
from trainer.freezing.plan import Plan


def check(source: BatchSource, model: nn.Cell, plan: Plan, batch: Batch, world_size: int) -> None:
    """Check that no rank has to train on one sample, if the model cannot.

    Args:
        source: of the training batches.
        model: left unchanged.
        plan: what is frozen; frozen layers keep their statistics.
        batch: inputs and, last, the label.
        world_size: number of ranks that share each batch.

    Raises:
        ConfigError: a batch leaves one sample, which batch normalisation cannot take.
    """
    sizes = {source.last_batch_size, source.batch_size}
    alone = any(isinstance(size, int) and size // world_size == 1 for size in sizes)
    if alone and (problem := _one_sample_problem(model, plan, batch)):
        raise ConfigError([problem])


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
        "dataset: expected more than one sample of each batch per process, because batch "
        f"normalisation of one is not finite ({ruined[0]}), received 1; drop a last batch of one "
        "with .batch(..., drop_remainder=True), or choose another batch_size"
    )
