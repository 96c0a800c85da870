"""Witness: what is known of a frozen net from outside, to notice misuse and explain a drift.

It looks at the net as it stands and at what is alive around it. What was changed and changed back
in between, or has been deleted since, it cannot know.
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
    """Made just before a plan is applied, for what was there before to be known.

    Attributes:
        parameters: those of the net, by name, as they were then.
        past: the optimizers and graphs there were then.
    """

    def __init__(self, net: nn.Cell, plan: Plan) -> None:
        self.parameters: dict[str, Parameter] = dict(net.parameters_and_names())
        self.past = Baseline(net)
        self._net = net
        self._plan = plan
        self._cells = dict(net.cells_and_names())
        self._marks = self._marked()
        self._quiet = [
            (".".join(part for part in (top, name) if part), cell)
            for top in plan.inference
            for name, cell in self._cells[top].cells_and_names()
        ]

    def seal(self) -> None:
        """Note the cuts, once the plan is applied."""
        self._marks = {name: now - self._marks[name] for name, now in self._marked().items()}

    def misuse(self, seen: Sequence[nn.Cell]) -> list[str]:
        """Return what will move a frozen tensor, or keep a trainable one from the optimizer.

        Args:
            seen: optimizers, or cells that hold them, that are about to be used.
        """
        used = [o for cell in seen for _, o in cell.cells_and_names() if _optimizes(o)]
        found = [*self._wrong(used), *self._lacking(used)]
        if seen and not used:
            kinds = ", ".join(type(cell).__name__ for cell in seen)
            found.append(f"expected an optimizer, received only {kinds}")
        if flags := self._flags():
            found.append(f"requires_grad was set again for {shorten(flags)}, which are frozen")
        found += [f"the cut behind {name!r} was removed" for name in self._uncut()]
        found += [f"{name!r} was let out of inference mode" for name in self._loose()]
        return found + [
            f"{name} was compiled before the freeze, which it will ignore; make it anew"
            for name in self.past.graphs(seen)
        ]

    def already_there(self) -> list[str]:
        """Return what was there before the freeze and must not be used after it."""
        frozen = [self.parameters[name] for name in self._plan.names("frozen")]
        found = [f"optimizer {type(each).__name__}" for each in optimizers_over(frozen)]
        return found + [f"graph of {name}" for name in self.past.all_graphs()]

    def evidence(self, name: str, before: NDArray, after: NDArray) -> Evidence:  # type: ignore[type-arg]
        """Return what is known of a tensor that has moved."""
        parameter = self.parameters[name]
        used = next(
            (o for o in optimizers_over([parameter]) if self.past.stepped(o) is not False), None
        )
        running = " and ".join([*self._unheld(name), *self._stale()])
        return Evidence(
            before,
            after,
            statistic=is_statistic(name) and bool(running),
            running=running,
            given=self._given(name, used) if used else "",
            push=self.past.push(used, parameter) if used else None,
            gradient=" and ".join([*self._through(name), *self._stale(used)]) if used else "",
            otherwise=_ASSIGNED,
        )

    def _marked(self) -> dict[str, set[object]]:
        """Return what may cut behind each cell that is to be cut: its class, and its hooks."""
        cells = {name: self._cells[name] for name in self._plan.cuts}
        return {name: {type(cell), *cell._forward_hook} for name, cell in cells.items()}

    def _wrong(self, used: Sequence[Optimizer]) -> Iterator[str]:
        frozen = {id(self.parameters[name]): name for name in self._plan.names("frozen")}
        alive = optimizers_over(self.parameters[name] for name in self._plan.names("frozen"))
        for each in alive:
            fresh = not self.past.had(each)
            if fresh or self.past.stepped(each) or any(each is other for other in used):
                names = [frozen[id(p)] for p in parameters_of(each) if id(p) in frozen]
                yield (
                    f"expected an optimizer over frozen.trainable_parameters(), received "
                    f"{type(each).__name__}, built {'after' if fresh else 'before'} the freeze, "
                    f"which has {shorten(names)}: frozen"
                )

    def _lacking(self, used: Sequence[Optimizer]) -> Iterator[str]:
        held = {id(p) for each in used for p in parameters_of(each)}
        names = self._plan.names("trainable")
        lacking = [name for name in names if id(self.parameters[name]) not in held]
        if used and lacking:
            yield (
                f"expected an optimizer over all frozen.trainable_parameters(), received "
                f"{', '.join(type(each).__name__ for each in used)} without {shorten(lacking)}"
            )

    def _flags(self) -> list[str]:
        frozen = self._plan.names("frozen")
        return [name for name in frozen if self.parameters[name].requires_grad]

    def _uncut(self) -> list[str]:
        now = self._marked()
        return [name for name, marks in self._marks.items() if marks - now[name]]

    def _loose(self) -> list[str]:
        """Return the cells to be in inference mode that are not."""
        return [
            name
            for name, cell in self._quiet
            if cell.training or getattr(cell, "use_batch_statistics", False) is not False
        ]

    def _unheld(self, name: str) -> list[str]:
        cell = name.rpartition(".")[0]
        return [f"{cell!r} was let out of inference mode"] if cell in self._loose() else []

    def _stale(self, used: Optimizer | None = None) -> list[str]:
        graphs = self.past.all_graphs(used)
        return (
            [f"compiled before the freeze, which it ignores: {shorten(graphs)}"] if graphs else []
        )

    def _given(self, name: str, used: Optimizer) -> str:
        """Tell how an optimizer came by a frozen parameter."""
        kind = type(used).__name__
        text = f"{kind} was built before the freeze and has it"
        if not self.past.had(used):
            text = f"{kind} was built after the freeze and was given it"
            if self.parameters[name].requires_grad:
                text += ", for its requires_grad was set again"
        if names := self._others(name):
            text += f" (it is tied: also {', '.join(names)})"
        return text

    def _others(self, name: str) -> list[str]:
        """Return the other names of a tied parameter, and the cells outside the net that own it."""
        tied = next(p.tied for p in self._plan.parameters if p.name == name)
        inside = {id(cell) for cell in self._cells.values()}
        outside = (cell for cell in live_cells() if id(cell) not in inside)
        owners = (c for c in outside if _owns(c, self.parameters[name]))
        return [*tied, *(f"in a {type(cell).__name__} outside the net" for cell in owners)]

    def _through(self, name: str) -> Iterator[str]:
        """Tell what let a gradient through to a frozen parameter."""
        if self._uncut():
            yield f"the cut behind {shorten(self._uncut())} was removed"
        method = next(p.method for p in self._plan.parameters if p.name == name)
        if method and not freeze_methods.cuts(method):
            yield f"{method} stops no gradient of what an optimizer has"


def _optimizes(cell: nn.Cell) -> bool:
    return isinstance(cell, Optimizer)


def _owns(cell: nn.Cell, parameter: Parameter) -> bool:
    """Tell whether a parameter is a cell's own; optimizers file those of others by dotted names."""
    return any(p is parameter and "." not in name for name, p in cell._params.items())
