"""Misuse: notice from outside what undermines a freeze, and explain why a tensor has moved.

The detector looks at the model as it is now and at the objects that are alive around it. It cannot
know what was changed and changed back in between, or what has been deleted since.
"""

from collections.abc import Iterator, Sequence

from mindspore import Parameter, nn
from numpy.typing import NDArray

from trainer.backend.graph.module_tree import is_statistic
from trainer.config import freeze_methods
from trainer.core.text import shorten
from trainer.freezing.api.live_optimizers import (
    Baseline,
    Optimizer,
    live_cells,
    optimizers_over,
    parameters_of,
)
from trainer.freezing.drift_causes import Evidence
from trainer.freezing.plan import Plan

_ASSIGNED = (
    "no optimizer that is alive moved it: it was assigned to, as load_param_into_net, set_data and "
    "ops.assign do"
)


class MisuseDetector:
    """Built just before a plan is applied, so that it knows what was there before.

    Attributes:
        parameters: the model's parameters by name, as they were then.
        baseline: the optimizers and graphs there were then.
    """

    def __init__(self, net: nn.Cell, plan: Plan) -> None:
        self.parameters: dict[str, Parameter] = dict(net.parameters_and_names())
        self.baseline = Baseline(net)
        self._net = net
        self._plan = plan
        self._cells = dict(net.cells_and_names())
        self._cut_marks = self._current_marks()
        self._eval_cells = [
            (".".join(part for part in (top, name) if part), cell)
            for top in plan.inference
            for name, cell in self._cells[top].cells_and_names()
        ]

    def record_cuts(self) -> None:
        """Record what marks each cut. Call it once the plan is applied."""
        self._cut_marks = {
            name: marks - self._cut_marks[name] for name, marks in self._current_marks().items()
        }

    def misuse(self, cells: Sequence[nn.Cell]) -> list[str]:
        """Return what will move a frozen tensor, or keep a trainable one from the optimizer.

        Args:
            cells: optimizers that are about to be used, or cells that hold them.
        """
        optimizers = [o for cell in cells for _, o in cell.cells_and_names() if _is_optimizer(o)]
        problems = [*self._over_frozen(optimizers), *self._without_trainable(optimizers)]
        if cells and not optimizers:
            kinds = ", ".join(type(cell).__name__ for cell in cells)
            problems.append(f"expected an optimizer, received only {kinds}")
        if names := self._flags_set_again():
            problems.append(f"requires_grad was set again for {shorten(names)}, which are frozen")
        problems += [f"the cut behind {name!r} was removed" for name in self._removed_cuts()]
        problems += [f"{name!r} was taken out of inference mode" for name in self._training_cells()]
        return problems + [
            f"{name} was compiled before the freeze, which it will ignore; build it again"
            for name in self.baseline.stale_cells(cells)
        ]

    def built_before(self) -> list[str]:
        """Return what was built before the freeze and must not be used after it."""
        frozen = [self.parameters[name] for name in self._plan.names("frozen")]
        optimizers = [f"optimizer {type(each).__name__}" for each in optimizers_over(frozen)]
        return optimizers + [f"graph of {name}" for name in self.baseline.stale_graphs()]

    def evidence(self, name: str, before: NDArray, after: NDArray) -> Evidence:  # type: ignore[type-arg]
        """Return what is known of a tensor that has moved."""
        parameter = self.parameters[name]
        candidates = optimizers_over([parameter])
        used = next((o for o in candidates if self.baseline.has_stepped(o) is not False), None)
        why_training = " and ".join([*self._mode_changed(name), *self._stale_graphs()])
        why_gradient = [*self._gradient_paths(name), *self._stale_graphs(used)]
        return Evidence(
            before,
            after,
            statistic=is_statistic(name) and bool(why_training),
            why_training=why_training,
            optimized_by=self._how_optimized(name, used) if used else "",
            momentum=self.baseline.momentum(used, parameter) if used else None,
            why_gradient=" and ".join(why_gradient) if used else "",
            fallback=_ASSIGNED,
        )

    def _current_marks(self) -> dict[str, set[object]]:
        """Return what may cut behind each cell that is to be cut: its class, and its hooks."""
        cells = {name: self._cells[name] for name in self._plan.cuts}
        return {name: {type(cell), *cell._forward_hook} for name, cell in cells.items()}

    def _over_frozen(self, about_to_run: Sequence[Optimizer]) -> Iterator[str]:
        """Yield the errors of optimizers that have frozen parameters and are or will be used."""
        frozen = {id(self.parameters[name]): name for name in self._plan.names("frozen")}
        for each in optimizers_over(self.parameters[name] for name in self._plan.names("frozen")):
            is_new = not self.baseline.has(each)
            will_run = any(each is optimizer for optimizer in about_to_run)
            if is_new or self.baseline.has_stepped(each) or will_run:
                names = [frozen[id(p)] for p in parameters_of(each) if id(p) in frozen]
                yield (
                    f"expected an optimizer over frozen.trainable_parameters(), received "
                    f"{type(each).__name__}, built {'after' if is_new else 'before'} the freeze, "
                    f"which has {shorten(names)}: frozen"
                )

    def _without_trainable(self, optimizers: Sequence[Optimizer]) -> Iterator[str]:
        """Yield the error of optimizers that together lack trainable parameters."""
        optimized = {id(p) for each in optimizers for p in parameters_of(each)}
        trainable = self._plan.names("trainable")
        missing = [name for name in trainable if id(self.parameters[name]) not in optimized]
        if optimizers and missing:
            yield (
                f"expected an optimizer over all frozen.trainable_parameters(), received "
                f"{', '.join(type(each).__name__ for each in optimizers)} without "
                f"{shorten(missing)}"
            )

    def _flags_set_again(self) -> list[str]:
        frozen = self._plan.names("frozen")
        return [name for name in frozen if self.parameters[name].requires_grad]

    def _removed_cuts(self) -> list[str]:
        current = self._current_marks()
        return [name for name, marks in self._cut_marks.items() if marks - current[name]]

    def _training_cells(self) -> list[str]:
        """Return the cells that should be in inference mode and are not."""
        return [
            name
            for name, cell in self._eval_cells
            if cell.training or getattr(cell, "use_batch_statistics", False) is not False
        ]

    def _mode_changed(self, name: str) -> list[str]:
        cell = name.rpartition(".")[0]
        changed = cell in self._training_cells()
        return [f"{cell!r} was taken out of inference mode"] if changed else []

    def _stale_graphs(self, optimizer: Optimizer | None = None) -> list[str]:
        graphs = self.baseline.stale_graphs(optimizer)
        return (
            [f"compiled before the freeze, which it ignores: {shorten(graphs)}"] if graphs else []
        )

    def _how_optimized(self, name: str, optimizer: Optimizer) -> str:
        """Return how an optimizer came to have a frozen parameter."""
        kind = type(optimizer).__name__
        text = f"{kind} was built before the freeze and has it"
        if not self.baseline.has(optimizer):
            text = f"{kind} was built after the freeze and was given it"
            if self.parameters[name].requires_grad:
                text += ", because its requires_grad was set again"
        if names := self._tied_names(name):
            text += f" (it is tied: also {', '.join(names)})"
        return text

    def _tied_names(self, name: str) -> list[str]:
        """Return a tied parameter's other names, and the cells outside the model that own it."""
        tied = next(p.tied for p in self._plan.parameters if p.name == name)
        inside = {id(cell) for cell in self._cells.values()}
        outside = (cell for cell in live_cells() if id(cell) not in inside)
        owners = (c for c in outside if _owns(c, self.parameters[name]))
        return [*tied, *(f"in a {type(cell).__name__} outside the model" for cell in owners)]

    def _gradient_paths(self, name: str) -> Iterator[str]:
        """Yield what let a gradient through to a frozen parameter."""
        if cuts := self._removed_cuts():
            yield f"the cut behind {shorten(cuts)} was removed"
        method = next(p.method for p in self._plan.parameters if p.name == name)
        if method and not freeze_methods.cuts(method):
            yield f"{method} does not stop the gradient of parameters that an optimizer has"


def _is_optimizer(cell: nn.Cell) -> bool:
    return isinstance(cell, Optimizer)


def _owns(cell: nn.Cell, parameter: Parameter) -> bool:
    """Tell whether a cell itself owns a parameter; optimizers list others' by dotted names."""
    return any(p is parameter and "." not in name for name, p in cell._params.items())
