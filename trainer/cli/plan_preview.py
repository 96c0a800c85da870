"""Plan preview: what ``python -m trainer.plan`` reports on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # these import MindSpore, before which the device has to be set
    from trainer.backend.graph.autograd_graph import AutogradGraph
    from trainer.backend.graph.module_tree import ModuleTree
    from trainer.config.schema import Settings
    from trainer.freezing.plan import Plan
    from trainer.run.components import PhaseRules, Preflight


@dataclass(frozen=True)
class PlanPreview:
    """A plan, what it was built from, and the graph of the loss, if it was recorded.

    Attributes:
        settings: of the run.
        preflight: what was built without the data.
        tree: the model's cells and parameters.
        plan: of the first phase, or of the whole run.
        graph: of the loss; None: not recorded.
        phases: those of the settings; none: the run has one.
        plans: of each of them.
    """

    settings: "Settings"
    preflight: "Preflight"
    tree: "ModuleTree"
    plan: "Plan"
    graph: "AutogradGraph | None"
    phases: Sequence["PhaseRules"] = ()
    plans: Sequence["Plan"] = ()
