"""`Frozen`: a model of which a part is frozen, to be checked, verified and undone."""

import logging
from collections.abc import Collection, Sequence
from typing import Any
from weakref import WeakSet

import mindspore as ms
from mindspore import Parameter, nn

from trainer.backend.eval_lock import lock_eval, unlock_eval
from trainer.core.errors import ConfigError, FrozenMoved
from trainer.core.tensors import largest_change, same_bits
from trainer.core.text import shorten
from trainer.freezing import drift_causes
from trainer.freezing.api.misuse import MisuseDetector
from trainer.freezing.frozen_model import FrozenModel
from trainer.freezing.param_groups import param_groups
from trainer.freezing.plan import Plan

log = logging.getLogger(__name__)

_FROZEN_CELLS = WeakSet[nn.Cell]()  # all cells of the models that are frozen now


def has_frozen_cells(net: nn.Cell) -> bool:
    """Tell whether a model, or a part of it, is frozen now."""
    return any(cell in _FROZEN_CELLS for _, cell in net.cells_and_names())


class Frozen:
    """A model of which a part is frozen; ``freeze`` returns it.

    Attributes:
        net: the model.
        plan: what is frozen, by which rule and method; ``plan.as_json()`` is plain data.
    """

    def __init__(self, net: nn.Cell, plan: Plan) -> None:
        self.net = net
        self.plan = plan
        self._detector = MisuseDetector(net, plan)
        if existing := self._detector.built_before():
            log.warning("warning: from before the freeze; do not use: %s", shorten(existing))
        self._cells = [cell for _, cell in net.cells_and_names()]
        self._frozen_model: FrozenModel | None = FrozenModel(net, plan)
        self._start = {
            name: self._detector.parameters[name].asnumpy().copy() for name in plan.names("frozen")
        }
        self._eval_cells = _cells_beneath(net, plan.inference)
        lock_eval(self._eval_cells)
        self._detector.record_cuts()
        _FROZEN_CELLS.update(self._cells)

    def trainable_parameters(
        self, lr: float | None = None, weight_decay: float = 0.0
    ) -> list[Parameter] | list[dict[str, Any]]:
        """Return what to build the optimizer over.

        Args:
            lr: the optimizer's learning rate. It is needed for rules with an ``lr_factor`` or a
                ``weight_decay``; the result then is a list of MindSpore's parameter groups.
            weight_decay: the optimizer's weight decay, for parameters whose rule gives none.

        Raises:
            ConfigError: there are such rules, and no ``lr``.
        """
        planned = self.plan.select("trainable")
        parameters = [self._detector.parameters[p.name] for p in planned]
        special = [p for p in planned if p.weight_decay is not None]
        special += [p for p in planned if p.lr_factor != 1]
        if not special:
            return parameters
        if lr is None:
            rule = special[0].by
            raise ConfigError(
                [
                    f"lr: expected the optimizer's learning rate, because {rule} has an lr_factor "
                    "or weight_decay, received none"
                ]
            )
        return param_groups({"lr": lr, "weight_decay": weight_decay}, parameters, self.plan)

    def check(self, *cells: nn.Cell) -> None:
        """Check that nothing undermines the freeze; cheap enough for once per epoch (0.1 s).

        Args:
            cells: optimizers that are about to be used, or cells that hold them
                (``nn.TrainOneStepCell``). Optimizers that are alive and were built since the
                freeze are checked in any case.

        Raises:
            ConfigError: an optimizer has frozen parameters or lacks trainable ones, a flag was set
                again, a cut removed, a mode changed, or a cell was compiled before the freeze.
        """
        self._check_frozen()
        if problems := self._detector.misuse(cells):
            raise ConfigError(problems)

    def verify(self, *cells: nn.Cell) -> None:
        """Check that no bit of a frozen tensor has changed since the freeze; then ``check``.

        Args:
            cells: as for ``check``.

        Raises:
            FrozenMoved: names each tensor that moved, by how much, and the cause if it is known.
            ConfigError: nothing has moved yet, but ``check`` found what will move.
        """
        self._check_frozen()
        current = {id(parameter) for parameter in self.net.get_parameters()}
        changes = {name: self._change(name, current) for name in self._start}
        rows = [f"  - {name} {change}" for name, change in changes.items() if change]
        if rows:
            head = f"expected all frozen tensors to stay unchanged, but {len(rows)} moved:"
            raise FrozenMoved("\n".join([head, *rows]))
        self.check(*cells)

    def callback(self) -> ms.Callback:
        """Return a callback for ``ms.Model``: ``check`` first, ``verify`` after each epoch."""
        return _VerifyCallback(self)

    def undo(self) -> None:
        """Take everything back: cuts, flags, statistics, modes, dtypes. Weights keep their values.

        Graphs compiled in between must not be used again. A second call does nothing.
        """
        if self._frozen_model is None:
            return
        unlock_eval(self._eval_cells)
        phase, modes = self.net.phase, [cell.training for cell in self._cells]
        self._frozen_model.undo()
        self._frozen_model = None
        self.net.phase = phase
        for cell, training in zip(self._cells, modes, strict=True):
            cell.add_flags(training=training)
            _FROZEN_CELLS.discard(cell)

    def _check_frozen(self) -> None:
        if self._frozen_model is None:
            raise ConfigError(["frozen: expected a frozen model, received one after undo()"])

    def _change(self, name: str, current: Collection[int]) -> str:
        """Return how far and why a tensor has moved; empty if it has not.

        Args:
            name: its name when it was frozen; mixed precision renames some parameters later.
            current: identities of the parameters that the model has now.
        """
        parameter = self._detector.parameters[name]
        if id(parameter) not in current:
            return "is no longer in the model: it was replaced by another Parameter, or removed"
        before, after = self._start[name], parameter.asnumpy()
        if before.shape == after.shape and same_bits(before, after):
            return ""
        if before.shape != after.shape:
            return f"has shape {after.shape} instead of {before.shape}: it was assigned to"
        cause = drift_causes.cause(self._detector.evidence(name, before, after))
        return f"by {largest_change(before, after):.3g}: {cause}"


def _cells_beneath(net: nn.Cell, names: Sequence[str]) -> list[nn.Cell]:
    """Return the cells of some names and all cells beneath them, each once."""
    cells = dict(net.cells_and_names())
    inner = [cell for name in names for _, cell in cells[name].cells_and_names()]
    return list({id(cell): cell for cell in inner}.values())


class _VerifyCallback(ms.Callback):
    """Verifies within ``ms.Model.train``."""

    def __init__(self, frozen: Frozen) -> None:
        super().__init__()
        self._frozen = frozen

    def on_train_begin(self, run_context: ms.RunContext) -> None:
        """Check the optimizer before it takes a step."""
        self._frozen.check(run_context.original_args().train_network)

    def on_train_epoch_end(self, run_context: ms.RunContext) -> None:
        """Verify the weights."""
        self._frozen.verify(run_context.original_args().train_network)
