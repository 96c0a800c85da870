"""Lightning with its own method of freezing: the callback `BaseFinetuning`."""

import logging
import warnings
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import BaseFinetuning
from torch import Tensor, nn

from scripts.benchmark import pytorch_loops, pytorch_nets
from scripts.benchmark.case import Case
from scripts.benchmark.clock import Clock


class _Module(lightning.LightningModule):
    def __init__(self, case: Case, clock: Clock) -> None:
        super().__init__()
        self.net = pytorch_nets.make(case.task.net)
        self._criterion = nn.CrossEntropyLoss()
        self._clock = clock

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        image, label = batch
        return self._criterion(self.net(image), label)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return pytorch_loops.sgd(self.net)

    def on_train_epoch_start(self) -> None:
        self._clock.epoch()

    def on_train_batch_end(self, outputs: Any, batch: Any, index: int) -> None:
        self._clock.step(float(outputs["loss"]))


class _Freeze(BaseFinetuning):
    def __init__(self, case: Case) -> None:
        super().__init__()
        self._case = case

    def freeze_before_training(self, module: lightning.LightningModule) -> None:
        self.freeze(pytorch_loops.parts(self._case, module.net), train_bn=False)

    def finetune_function(self, *epoch: Any) -> None:
        """Unfreeze nothing."""


def train(case: Case, folder: Path, clock: Clock) -> int:
    """Train; return the number of parameters."""
    warnings.simplefilter("ignore")  # it recommends workers, but the data are in memory
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    module = _Module(case, clock)
    trainer = lightning.Trainer(
        max_epochs=case.epochs,
        accelerator="cpu",
        callbacks=[_Freeze(case)],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, pytorch_loops.batches(case, folder))
    return pytorch_loops.count(module.net)
