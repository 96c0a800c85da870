"""Plan changes: what one phase changes against the phase before it. Pure Python."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from trainer.core.text import quantity
from trainer.freezing.plan import ParameterPlan, Plan
from trainer.phases.phase import Phase


@dataclass(frozen=True)
class PlanChanges:
    """What changes state from one plan to the next.

    Attributes:
        thawed: parameters that train now and were frozen.
        frozen: parameters that are frozen now and were trained.
        treated: parameters whose learning rate, weight decay or type differs.
    """

    thawed: tuple[str, ...]
    frozen: tuple[str, ...]
    treated: tuple[str, ...]

    def text(self) -> str:
        """Return the changes in short; empty: there are none."""
        groups = {"thawed": self.thawed, "frozen": self.frozen, "with other rates": self.treated}
        parts = [
            f"{quantity(len(names), 'tensor')} {how}" for how, names in groups.items() if names
        ]
        return ", ".join(parts)


def plan_changes(before: Plan, now: Plan) -> PlanChanges:
    """Return what changes state from one plan of a model to another."""
    pairs = [*zip(before.parameters, now.parameters, strict=True)]
    trains = "trainable"
    return PlanChanges(
        tuple(q.name for p, q in pairs if p.state != trains and q.state == trains),
        tuple(q.name for p, q in pairs if p.state == trains and q.state != trains),
        tuple(q.name for p, q in pairs if p.state == q.state and _treatment(p) != _treatment(q)),
    )


def unchanged_phases(phases: Sequence[Phase]) -> list[str]:
    """Return a warning for each phase that changes nothing against the one before it."""
    pairs = zip(phases, phases[1:], strict=False)
    return [
        f"phase {now.name} changes nothing against {before.name}: the same is frozen, at the same "
        "learning rates"
        for before, now in pairs
        if _essence(before.plan) == _essence(now.plan)
        and before.lr_factor == now.lr_factor
        and (now.start_from, now.warmup_steps, now.optimizer_state == "reset") == ("last", 0, False)
    ]


def _essence(plan: Plan) -> object:
    """Return all of a plan that has an effect, without which rule decided."""
    parameters = tuple((p.state, _treatment(p)) for p in plan.parameters)
    return parameters, plan.cuts, plan.cut_methods, plan.inference


def _treatment(parameter: ParameterPlan) -> ParameterPlan:
    return replace(parameter, by="", state="", method="")
