"""Plan history: which plan was in force when, in a run that was resumed under another."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from trainer.artifacts.run_record import ProofRecord
from trainer.freezing.plan import Plan


@dataclass(frozen=True)
class PlanSpan:
    """Training under one plan.

    Attributes:
        begin: complete epochs when it began; a half more if it began within an epoch.
        end: the same for its end.
        plan: the plan.
        hashes: SHA-256 of each tensor that it froze, by name, except for those that moved.
        reloads: whether it began with earlier weights than those that the span before ended with.
    """

    begin: float
    end: float
    plan: Plan
    hashes: dict[str, str]
    reloads: bool = False

    def covers(self, epoch: float) -> bool:
        """Tell whether the weights after an epoch are of this span; two spans share an end."""
        begins = self.begin < epoch if self.reloads else self.begin <= epoch
        return begins and epoch <= self.end

    def hashes_as_under(self, other: "PlanSpan") -> dict[str, str]:
        """Return the hashes of the tensors that another plan stores in the same type."""
        types, others = ({p.name: p.dtype for p in s.plan.parameters} for s in (self, other))
        return {n: sha256 for n, sha256 in self.hashes.items() if types.get(n) == others.get(n)}


def spans(plan: Plan, proof: ProofRecord | None) -> list[PlanSpan]:
    """Return the spans of a run, in order.

    Args:
        plan: its last plan.
        proof: its proof, which holds the former plans; None if there were none.
    """
    former, begin = [], 0.0
    for chapter in proof.chapters if proof else ():
        end = chapter.epochs + (0.5 if chapter.steps else 0.0)
        hashes = {row.name: row.sha256 for row in chapter.tensors}
        reloads = chapter.start_from != "last"
        former.append(PlanSpan(begin, end, chapter.plan, hashes, reloads))
        begin = end
    rows = proof.tensors if proof else ()
    hashes = {row.name: row.sha256_before for row in rows if row.equal}
    reloads = proof is not None and proof.phase is not None and proof.phase.start_from != "last"
    return [*former, PlanSpan(begin, math.inf, plan, hashes, reloads)]


def parameter_states(history: Sequence[PlanSpan], one: float, other: float) -> dict[str, str]:
    """Return each parameter's state from one epoch to another: frozen if always frozen between."""
    first, last = sorted((one, other))
    plans = [span.plan for span in history if span.begin < last and span.end > first]
    plans = plans or [span.plan for span in history if span.begin <= first][-1:]
    states = {p.name: p.state for p in plans[-1].parameters}
    thawed = {p.name: p.state for plan in plans for p in plan.parameters if p.state != "frozen"}
    return {name: thawed.get(name, state) for name, state in states.items()}
