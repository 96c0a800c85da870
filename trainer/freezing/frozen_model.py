"""Frozen model: a model with a plan applied to it, kept in effect while it trains."""

from collections.abc import Callable
from contextlib import ExitStack

from mindspore import Parameter, nn

from trainer.backend.half_storage import store_in_half
from trainer.freezing import methods
from trainer.freezing.plan import Plan


class FrozenModel:
    """A model under a plan.

    Attributes:
        model: the model.
        plan: the plan.
        trainable: the parameters for the optimizer, and no others.
    """

    def __init__(self, model: nn.Cell, plan: Plan) -> None:
        """Cut, clear flags, lock the statistics, and store in half precision what the plan says.

        Build the optimizer and the step afterwards. If a freeze method fails, everything done
        before it is undone.

        Raises:
            ConfigError: values are too large for half precision.
        """
        self.model = model
        self.plan = plan
        self._cells = dict(model.cells_and_names())
        parameters = dict(model.parameters_and_names())
        self.trainable: list[Parameter] = [parameters[name] for name in plan.names("trainable")]
        with ExitStack() as undo:
            undo.callback(store_in_half(model, plan.half))
            undo.callback(self._lock_statistics())
            self._freeze(parameters, undo)
            self._undo = undo.pop_all()

    def set_train(self) -> None:
        """Put the model in training mode, except for the frozen part, which is in inference mode.

        MindSpore's own ``set_train`` forgets such exceptions, so this is called before each epoch.
        """
        self.model.set_train(True)
        for name in self.plan.inference:
            self._cells[name].set_train(False)

    def undo(self) -> None:
        """Take back cuts, flags, modes and half precision.

        Steps compiled before this must not be used again.
        """
        self._undo.close()
        self.model.set_train(True)

    def _freeze(self, parameters: dict[str, Parameter], undo: ExitStack) -> None:
        frozen = self.plan.select("frozen")
        for method in sorted({*(p.method for p in frozen), *self.plan.cut_methods} - {""}):
            apply = methods.load(method)
            members = [parameters[p.name] for p in frozen if p.method == method]
            cells = [self._cells[name] for name in self.plan.cut_by(method)]
            undo.callback(apply(cells, members))

    def _lock_statistics(self) -> Callable[[], None]:
        """Make batch normalisation in the frozen part keep its statistics, whatever the mode is."""
        locked = [
            (cell, cell.use_batch_statistics)
            for name in self.plan.inference
            for _, cell in self._cells[name].cells_and_names()
            if hasattr(cell, "use_batch_statistics")
        ]
        for cell, _ in locked:
            cell.use_batch_statistics = False

        def unlock() -> None:
            for cell, setting in locked:
                cell.use_batch_statistics = setting

        return unlock
