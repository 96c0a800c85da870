"""Frozen: ``trainer.freeze``, for a training loop of one's own."""

import logging
import os
from collections.abc import Collection, Sequence
from typing import Any
from weakref import WeakSet

import mindspore as ms
from mindspore import Parameter, nn

from trainer.backend import device
from trainer.backend import eval_lock as held
from trainer.backend.graph import example_inputs, tracer
from trainer.backend.graph.reachability import unreachable_parameters
from trainer.core import text as text_
from trainer.core.errors import ConfigError, FrozenMoved
from trainer.core.tensors import largest_change, same_bits
from trainer.freezing import drift_causes, validation
from trainer.freezing.api import python_rules
from trainer.freezing.api.misuse import MisuseDetector
from trainer.freezing.frozen_model import FrozenModel
from trainer.freezing.param_groups import param_groups
from trainer.freezing.plan import Plan

log = logging.getLogger(__name__)

_REFUSALS = (TypeError, ValueError, RuntimeError, IndexError)  # of a net, for inputs not its own
_FROZEN = WeakSet[nn.Cell]()  # all cells of nets that are frozen now


def freeze(
    net: nn.Cell,
    rules: python_rules.Rules,
    method: str = "stop_gradient",
    norm: str = "eval",
    inputs: example_inputs.Inputs | None = None,
) -> "Frozen":
    """Freeze part of a net, before its optimizer is built and anything is compiled.

    Args:
        net: any cell; frozen in place until ``undo``.
        rules: dotted names, globs or ``re:REGEX``, one or several; or rules as in
            ``conf/policy``: ``[{"select": "head", "method": "train"}, {}]``.
        method: ``stop_gradient`` cuts the graph behind what is selected, so that all upstream of it
            is frozen too; ``requires_grad`` freezes just what is selected.
        norm: ``eval``: normalisation in the frozen part keeps its statistics; ``train``: it goes
            on as in training.
        inputs: what the net takes: a tensor, a shape like ``(2, 3, 224, 224)`` (samples first,
            float32), or a list of them; only a cut needs it, and only if no guess from the first
            layer runs. The net is tried with it, eagerly, and left as it was.

    Raises:
        ConfigError: what is wrong with the rules for this net, all in one message; the net is
            frozen already; or ``inputs`` is needed.
    """
    _refuse(net)
    device.load_numpy_interface()
    chosen = python_rules.parse(rules, method, norm)
    what = tracer.describe_in_call_order(
        net, chosen, 1.0, example_inputs.example_inputs(net, inputs)
    )
    if problems := validation.problems(chosen, what):
        raise ConfigError(problems)

    def behind(plan: Plan) -> frozenset[str]:
        try:
            lineage = tracer.trace(net, example_inputs.example_inputs(net, inputs), plan.cuts)
        except _REFUSALS as error:
            if inputs is None:
                raise
            raise ConfigError(
                [f"inputs: expected what the net takes: {text_.first_line(error)}"]
            ) from None
        return unreachable_parameters(lineage, plan.cuts, plan.cut_methods)

    return Frozen(net, validation.validated_plan(chosen, what, behind))


def _refuse(net: nn.Cell) -> None:
    """Raise a mistake if a net must not be frozen now."""
    if not isinstance(net, nn.Cell):
        raise ConfigError([f"net: expected a mindspore.nn.Cell, received a {type(net).__name__}"])
    if any(cell in _FROZEN for _, cell in net.cells_and_names()):
        raise ConfigError(
            ["net: expected one that is not frozen, received a frozen one; undo() first"]
        )
    on = os.environ.get("MS_COMPILER_CACHE_ENABLE", "0") != "0"
    if on or ms.get_context("enable_compile_cache"):
        raise ConfigError(
            [
                "MS_COMPILER_CACHE_ENABLE: expected MindSpore's compile cache to be off, for its "
                "key knows nothing of what is frozen and a graph that trains it may be reused"
            ]
        )


class Frozen:
    """A net of which a part is frozen; made by ``freeze``.

    Attributes:
        net: the net.
        plan: what is frozen, by which rule and method; ``plan.as_json()`` is plain data.
    """

    def __init__(self, net: nn.Cell, plan: Plan) -> None:
        self.net = net
        self.plan = plan
        self._witness = MisuseDetector(net, plan)
        if before := self._witness.already_there():
            log.warning("warning: from before the freeze; do not use: %s", text_.shorten(before))
        self._start = {
            name: self._witness.parameters[name].asnumpy().copy() for name in plan.names("frozen")
        }
        self._cells = [cell for _, cell in net.cells_and_names()]
        self._applied: FrozenModel | None = FrozenModel(net, plan)
        self._held = _beneath(net, plan.inference)
        held.lock_eval(self._held)
        self._witness.seal()
        _FROZEN.update(self._cells)

    def trainable_parameters(
        self, lr: float | None = None, weight_decay: float = 0.0
    ) -> list[Parameter] | list[dict[str, Any]]:
        """Return what to build the optimizer over.

        Args:
            lr: the optimizer's learning rate, for rules with an ``lr_factor`` or ``weight_decay``
                of their own; the result then is a list of MindSpore's parameter groups.
            weight_decay: the optimizer's weight decay, for parameters without one of their own.

        Raises:
            ConfigError: there are such rules, and no ``lr``.
        """
        own = [p for p in self.plan.select("trainable") if p.weight_decay is not None]
        own += [p for p in self.plan.select("trainable") if p.lr_factor != 1]
        parameters = [self._witness.parameters[name] for name in self.plan.names("trainable")]
        if not own:
            return parameters
        if lr is None:
            raise ConfigError(
                [f"lr: expected the optimizer's, for {own[0].by} has a rate or decay of its own"]
            )
        return param_groups({"lr": lr, "weight_decay": weight_decay}, parameters, self.plan)

    def check(self, *cells: nn.Cell) -> None:
        """Check that nothing undermines the freeze; cheap enough for once an epoch (0.1 s).

        Args:
            cells: optimizers, or cells that hold them (``nn.TrainOneStepCell``), about to be used.
                Those that are alive and were built since the freeze are looked at in any case.

        Raises:
            ConfigError: an optimizer has frozen parameters or lacks trainable ones, a flag was set
                again, a cut removed, a mode changed, or a cell was compiled before the freeze.
        """
        self._applied_now()
        if problems := self._witness.misuse(cells):
            raise ConfigError(problems)

    def verify(self, *cells: nn.Cell) -> None:
        """Check that no frozen tensor has moved by a single bit since the freeze; then ``check``.

        Args:
            cells: as for ``check``.

        Raises:
            FrozenMoved: names each tensor that moved, by how much, and why, as far as is known.
            ConfigError: nothing has moved yet, but ``check`` found what will.
        """
        self._applied_now()
        held = {id(parameter) for parameter in self.net.get_parameters()}
        moved = {name: self._moved(name, held) for name in self._start}
        told = [f"  - {name} {text}" for name, text in moved.items() if text]
        if told:
            head = f"expected every frozen tensor to stay still, but {len(told)} moved:"
            raise FrozenMoved("\n".join([head, *told]))
        self.check(*cells)

    def callback(self) -> ms.Callback:
        """Return a callback for ``ms.Model``: ``check`` first, ``verify`` after each epoch."""
        return _Verifier(self)

    def undo(self) -> None:
        """Take everything back: cuts, flags, statistics, modes. Weights stay as they are.

        Graphs compiled in between must not be used again. A second call does nothing.
        """
        if self._applied is None:
            return
        held.unlock_eval(self._held)
        phase, modes = self.net.phase, [cell.training for cell in self._cells]
        self._applied.undo()
        self._applied = None
        self.net.phase = phase
        for cell, training in zip(self._cells, modes, strict=True):
            cell.add_flags(training=training)
            _FROZEN.discard(cell)

    def _applied_now(self) -> None:
        if self._applied is None:
            raise ConfigError(["frozen: expected a net that is frozen, received one after undo()"])

    def _moved(self, name: str, held: Collection[int]) -> str:
        """Return how far and why a tensor has moved; empty if it has not.

        Args:
            name: its name when it was frozen; mixed precision puts some under another since.
            held: identities of the parameters that the net has now.
        """
        parameter = self._witness.parameters[name]
        if id(parameter) not in held:
            return "is no longer in the net: another Parameter, or none, stands in its place"
        before, after = self._start[name], parameter.asnumpy()
        if before.shape == after.shape and same_bits(before, after):
            return ""
        if before.shape != after.shape:
            return f"has shape {after.shape} instead of {before.shape}: it was assigned to"
        cause = drift_causes.cause(self._witness.evidence(name, before, after))
        return f"by {largest_change(before, after):.3g}: {cause}"


def _beneath(net: nn.Cell, names: Sequence[str]) -> list[nn.Cell]:
    """Return the cells of some names and all beneath them, each once."""
    cells = dict(net.cells_and_names())
    inner = [cell for name in names for _, cell in cells[name].cells_and_names()]
    return list({id(cell): cell for cell in inner}.values())


class _Verifier(ms.Callback):
    """Verifies within ``ms.Model.train``."""

    def __init__(self, frozen: Frozen) -> None:
        super().__init__()
        self._frozen = frozen

    def on_train_begin(self, run_context: ms.RunContext) -> None:
        """Look at the optimizer before it takes a step."""
        self._frozen.check(run_context.original_args().train_network)

    def on_train_epoch_end(self, run_context: ms.RunContext) -> None:
        """Look at the weights."""
        self._frozen.verify(run_context.original_args().train_network)
