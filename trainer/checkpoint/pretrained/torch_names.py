"""Naming: which parameter of a net each name in a file means."""

from collections.abc import Collection, Iterator, Mapping

from mindspore import nn

from trainer.backend.graph import module_tree
from trainer.backend.graph.module_tree import ParameterInfo

# PyTorch's names for what MindSpore's cells own, by role, by name, and by kind of cell.
_ROLES = {"norm_scale": "weight", "norm_shift": "bias"}
_STATISTICS = {"moving_mean": "running_mean", "moving_variance": "running_var"}
_KINDS = {"Embedding": {"embedding_table": "weight"}, "PReLU": {"w": "weight"}}
COUNTER = "num_batches_tracked"

# What MindSpore's optimizers and callbacks put beside the weights in a checkpoint.
_STATE = {
    *("global_step", "learning_rate", "momentum", "beta1_power", "beta2_power"),
    *("epoch_num", "step_num", "scale_sense", "loss_scale", "current_iterator_step"),
    *("last_overflow_iterator_step", "accum_step"),
}


def parameter_by_name(net: nn.Cell) -> dict[str, str]:
    """Return the parameter's first name by every name that it may have in a file.

    The names of the net itself come first, those of tied parameters included; then those that
    MindSpore's checkpoints use, where they differ; then PyTorch's.
    """
    found = module_tree.describe(net)
    kinds = {"": type(net).__name__} | {c.name: c.kind for c in found.cells}
    names = {name: p.name for p in found.parameters for name in p.names}
    own = dict(net.parameters_and_names())
    for parameter in found.parameters:
        names.setdefault(own[parameter.name].name, parameter.name)
    for parameter in found.parameters:
        for path in parameter.names:
            for name in _abroad(parameter, path, kinds):
                names.setdefault(name, parameter.name)
    return names


def _abroad(parameter: ParameterInfo, path: str, kinds: Mapping[str, str]) -> Iterator[str]:
    """Yield what PyTorch calls a parameter."""
    owner, _, leaf = path.rpartition(".")
    above, _, last = owner.rpartition(".")
    name = _KINDS.get(kinds.get(owner, ""), {}).get(leaf) or _ROLES.get(parameter.role)
    if parameter.statistic:
        name = _STATISTICS.get(leaf)
    if name is None:
        return
    yield f"{owner}.{name}" if owner else name
    if last == "bn2d" and kinds.get(above) == "BatchNorm3d":  # MindSpore's is one around a 2d one
        yield f"{above}.{name}"


def common_prefix(names: Collection[str], known_names: Mapping[str, str]) -> str:
    """Return the dotted parts that a wrapper has put before every name; empty if there are none.

    They are found by this: all names have them, and without them more names are known.
    """
    prefix = ""
    while names:
        inner = [name.removeprefix(prefix) for name in names]
        first = {name.partition(".")[0] for name in inner}
        longer = f"{prefix}{first.pop()}."
        if first or not all(name.startswith(longer) for name in names):
            break
        deeper = [name.removeprefix(longer) for name in names]
        if _count(deeper, known_names) < _count(inner, known_names):
            break
        prefix = longer
    bare = [name.removeprefix(prefix) for name in names]
    return prefix if _count(bare, known_names) > _count(names, known_names) else ""


def _count(names: Collection[str], known_names: Mapping[str, str]) -> int:
    return sum(name in known_names for name in names)


def is_batch_counter(name: str) -> bool:
    """Tell whether PyTorch counts batches under this name, which no net in MindSpore needs."""
    return name.rpartition(".")[2] == COUNTER


def is_optimizer_state(name: str, known_names: Mapping[str, str]) -> bool:
    """Tell whether a MindSpore checkpoint has this name from an optimizer, as ``moments.fc``."""
    kind, _, rest = name.partition(".")
    return name in _STATE or bool(kind and rest in known_names)
