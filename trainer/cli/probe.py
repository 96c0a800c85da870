"""Probe: ``python -m trainer.probe``, the gradient of every parameter for one batch.

It accepts the overrides of a run, trains nothing and writes nothing.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from trainer.checkpoint.resume import ResumeRequest
from trainer.cli import entry_point
from trainer.core.table import table
from trainer.run import configure

if TYPE_CHECKING:
    from trainer.config.schema import Settings
    from trainer.run.components import RunComponents


_USAGE = """usage: python -m trainer.probe [KEY=VALUE ...]

Prints the gradient of every parameter for one batch, under the freeze that a run with the same
overrides would have. Example:
  python -m trainer.probe experiment=seed_pytorch freeze=f2 method=requires_grad"""


def main() -> None:
    """Print the gradients, and exit with the code that reports how it ended."""
    with entry_point.exit_codes():
        if entry_point.printed_help(_USAGE):
            return
        settings, components = configure.run_from_overrides(ResumeRequest(entry_point.arguments()))
        print(report(components, gradients(settings, components)))


def gradients(settings: "Settings", components: "RunComponents") -> dict[str, NDArray[Any] | None]:
    """Return the gradient of every parameter for the first batch; None where none arrives.

    The model is compiled as a run's step would compile it, with the plan frozen_model.
    """
    import mindspore as ms
    from mindspore import ParameterTuple

    from trainer.backend import execution_mode
    from trainer.backend.compile import compile_errors
    from trainer.backend.graph import tracer
    from trainer.engine import train_step
    from trainer.freezing.frozen_model import FrozenModel

    batch = next(components.train.batches(1))
    frozen_model = FrozenModel(components.model, components.plan)
    reached = set(components.plan.names("trainable"))
    if not components.eager_error:
        graph = tracer.trace(components.model, [(components.loss, batch)])
        reached &= graph.reachable_names()
    named = {name: p for name, p in components.model.parameters_and_names() if name in reached}
    frozen_model.set_train()
    weights = ParameterTuple(list(named.values()))
    gradients_of = ms.grad(train_step.forward(components.model, components.loss), None, weights)
    with compile_errors.as_config_error(components.model):
        gradient = execution_mode.executable(gradients_of)(*batch)
    arrays = {name: array.asnumpy() for name, array in zip(named, gradient, strict=True)}
    return {p.name: arrays.get(p.name) for p in components.plan.parameters}


def report(
    components: "RunComponents", gradients_by_name: Mapping[str, NDArray[Any] | None]
) -> str:
    """Return the gradients as a table, with what froze each parameter that has none."""
    head = ("parameter", "shape", "state", "gradient", "norm", "frozen by")
    rows = [head]
    for parameter in components.plan.parameters:
        array = gradients_by_name[parameter.name]
        norm = "" if array is None else f"{np.linalg.norm(array.astype(np.float64)):.4g}"
        why = (
            parameter.by and f"{parameter.by} ({parameter.method})"
            if parameter.method
            else parameter.by
        )
        rows.append(
            (parameter.name, str(parameter.shape), parameter.state, values(array), norm, why)
        )
    return table(rows)


def values(array: NDArray[Any] | None) -> str:
    """Return a gradient in short: none, its one value, or its range."""
    if array is None:
        return "none"
    least, most = float(array.min()), float(array.max())
    return f"{least:g}" if least == most else f"{least:.3g} to {most:.3g}"


if __name__ == "__main__":
    main()
