"""Apply: a plan put into effect on a net, and held there while it trains."""

from collections.abc import Callable
from contextlib import ExitStack

from mindspore import Parameter, nn

from trainer.freezing import methods
from trainer.freezing.plan import Plan


class FrozenModel:
    """A net under a plan.

    Attributes:
        net: the net.
        plan: the plan.
        trainable: the parameters for the optimizer, and no others.
    """

    def __init__(self, net: nn.Cell, plan: Plan) -> None:
        """Cut, clear flags and hold the statistics. Build the optimizer and the step afterwards.

        If a method fails, what was done before is undone.
        """
        self.net = net
        self.plan = plan
        self._cells = dict(net.cells_and_names())
        parameters = dict(net.parameters_and_names())
        self.trainable: list[Parameter] = [parameters[name] for name in plan.names("trainable")]
        with ExitStack() as undo:
            undo.callback(self._hold_statistics())
            self._freeze(parameters, undo)
            self._undo = undo.pop_all()

    def set_train(self) -> None:
        """Put the net in training mode, but for the frozen part, which is in inference mode.

        MindSpore's own ``set_train`` forgets such exceptions, so this is called before each epoch.
        """
        self.net.set_train(True)
        for name in self.plan.inference:
            self._cells[name].set_train(False)

    def undo(self) -> None:
        """Take cuts, flags and modes back. Steps compiled before must not be used again."""
        self._undo.close()
        self.net.set_train(True)

    def _freeze(self, parameters: dict[str, Parameter], undo: ExitStack) -> None:
        frozen = self.plan.select("frozen")
        for name in sorted({*(p.method for p in frozen), *self.plan.cut_methods} - {""}):
            apply = methods.load(name)
            chosen = [parameters[p.name] for p in frozen if p.method == name]
            cells = [self._cells[cut] for cut in self.plan.cut_by(name)]
            undo.callback(apply(cells, chosen))

    def _hold_statistics(self) -> Callable[[], None]:
        """Make batch normalisation in the frozen part keep its statistics whatever the mode is."""
        held = [
            (cell, cell.use_batch_statistics)
            for name in self.plan.inference
            for _, cell in self._cells[name].cells_and_names()
            if hasattr(cell, "use_batch_statistics")
        ]
        for cell, _ in held:
            cell.use_batch_statistics = False

        def undo() -> None:
            for cell, setting in held:
                cell.use_batch_statistics = setting

        return undo
