"""PyTorch names: the parameter of a model that each name in a file stands for."""

from collections.abc import Collection, Iterator, Mapping

from mindspore import nn

from trainer.backend.graph import module_tree
from trainer.backend.graph.module_tree import ParameterInfo

# PyTorch's names for the parameters of MindSpore's cells, by role, by name, and by cell type.
_ROLES = {"norm_scale": "weight", "norm_shift": "bias"}
_STATISTICS = {"moving_mean": "running_mean", "moving_variance": "running_var"}
_CELL_TYPES = {"Embedding": {"embedding_table": "weight"}, "PReLU": {"w": "weight"}}
COUNTER = "num_batches_tracked"

# What MindSpore's optimizers and callbacks store in a checkpoint in addition to the weights.
_STATE = {
    *("global_step", "learning_rate", "momentum", "beta1_power", "beta2_power"),
    *("epoch_num", "step_num", "scale_sense", "loss_scale", "current_iterator_step"),
    *("last_overflow_iterator_step", "accum_step"),
}


def parameter_by_name(model: nn.Cell) -> dict[str, str]:
    """Return the parameter's first name by every name that it may have in a file.

    The names of the model itself come first, including those of tied parameters; then the names
    that MindSpore's checkpoints use, where they differ; then PyTorch's.
    """
    tree = module_tree.describe(model)
    cell_types = {"": type(model).__name__} | {c.name: c.kind for c in tree.cells}
    names = {name: p.name for p in tree.parameters for name in p.names}
    parameters = dict(model.parameters_and_names())
    for parameter in tree.parameters:
        names.setdefault(parameters[parameter.name].name, parameter.name)
    for parameter in tree.parameters:
        for path in parameter.names:
            for name in _torch_names(parameter, path, cell_types):
                names.setdefault(name, parameter.name)
    return names


def _torch_names(
    parameter: ParameterInfo, path: str, cell_types: Mapping[str, str]
) -> Iterator[str]:
    """Yield PyTorch's names of a parameter."""
    owner, _, leaf = path.rpartition(".")
    parent, _, last = owner.rpartition(".")
    name = _CELL_TYPES.get(cell_types.get(owner, ""), {}).get(leaf) or _ROLES.get(parameter.role)
    if parameter.statistic:
        name = _STATISTICS.get(leaf)
    if name is None:
        return
    yield f"{owner}.{name}" if owner else name
    if last == "bn2d" and cell_types.get(parent) == "BatchNorm3d":  # MindSpore's wraps a 2d one
        yield f"{parent}.{name}"


def common_prefix(names: Collection[str], known_names: Mapping[str, str]) -> str:
    """Return the dotted prefix that a wrapper has added to every name; empty if there is none.

    It is found by two criteria: all names begin with it, and without it more names are known.
    """
    prefix = ""
    while names:
        stripped = [name.removeprefix(prefix) for name in names]
        first_parts = {name.partition(".")[0] for name in stripped}
        longer = f"{prefix}{first_parts.pop()}."
        if first_parts or not all(name.startswith(longer) for name in names):
            break
        stripped_more = [name.removeprefix(longer) for name in names]
        if _count_known(stripped_more, known_names) < _count_known(stripped, known_names):
            break
        prefix = longer
    stripped = [name.removeprefix(prefix) for name in names]
    is_better = _count_known(stripped, known_names) > _count_known(names, known_names)
    return prefix if is_better else ""


def _count_known(names: Collection[str], known_names: Mapping[str, str]) -> int:
    return sum(name in known_names for name in names)


def is_batch_counter(name: str) -> bool:
    """Tell whether PyTorch counts batches under this name, which no MindSpore model needs."""
    return name.rpartition(".")[2] == COUNTER


def is_optimizer_state(name: str, known_names: Mapping[str, str]) -> bool:
    """Tell whether a name in a MindSpore checkpoint is an optimizer's, such as ``moments.fc``."""
    state_name, _, parameter = name.partition(".")
    return name in _STATE or bool(state_name and parameter in known_names)
