"""Random module trees, models and rules."""

from typing import Any

from hypothesis import strategies as st
from mindspore import Tensor, nn

from trainer.backend.graph.module_tree import CellInfo, ModuleTree, ParameterInfo
from trainer.config.rules import ROLES, Rule

# The class of a leaf, and its parameters: name, role, whether it is a statistic.
_LEAVES = {
    "Dense": [("weight", "weight", False), ("bias", "bias", False)],
    "BatchNorm2d": [
        ("gamma", "norm_scale", False),
        ("beta", "norm_shift", False),
        ("moving_mean", "weight", True),
        ("moving_variance", "weight", True),
    ],
    "Dropout": [],
    "ReLU": [],
}

_TREES = st.recursive(
    st.sampled_from(sorted(_LEAVES)),
    lambda inner: st.tuples(
        st.sampled_from(["SequentialCell", "CellList", "Block"]),
        st.lists(inner, min_size=1, max_size=3),
        st.booleans(),  # whether it owns a parameter
    ),
    max_leaves=12,
)


@st.composite
def module_trees(draw: st.DrawFn) -> ModuleTree:
    """Trees of models with nested containers; some with a tied parameter or a buffer."""
    cells, parameters = list[CellInfo](), list[ParameterInfo]()

    def add_parameter(cell: str, name: str, role: str, statistic: bool) -> None:
        tied = (f"tie{len(parameters)}.{name}",) if draw(st.integers(0, 9)) == 0 else ()
        trains = not statistic and draw(st.integers(0, 9)) > 0
        size = draw(st.integers(1, 50))
        full = f"{cell}.{name}" if cell else name
        owners = (cell, *(each.rpartition(".")[0] for each in tied))
        spec = full, owners, (size,), 4 * size, trains, statistic, role, tied
        parameters.append(ParameterInfo(*spec))

    def add_cell(name: str, tree: Any) -> None:
        kind = tree if isinstance(tree, str) else tree[0]
        cells.append(CellInfo(name, kind, kind != "CellList"))
        if isinstance(tree, str):
            for parameter in _LEAVES[tree]:
                add_parameter(name, *parameter)
            return
        if tree[2]:
            add_parameter(name, "scale", "weight", False)
        for at, inner in enumerate(tree[1]):
            add_cell(f"{name}.{at}", inner)

    if draw(st.booleans()):
        add_parameter("", "token", "weight", False)
    for at, tree in enumerate(draw(st.lists(_TREES, min_size=1, max_size=5))):
        add_cell(f"part{at}", tree)
    return ModuleTree(tuple(cells), tuple(parameters))


def _patterns(tree: ModuleTree) -> st.SearchStrategy[tuple[str, ...]]:
    names = st.sampled_from(tree.names)
    index = st.one_of(
        st.integers(-3, 3).map(str),
        st.tuples(st.integers(-3, 3), st.integers(-3, 3)).map(lambda ends: f"{ends[0]}:{ends[1]}"),
    )
    pattern = st.one_of(
        names,
        names.map(lambda name: f"{name.rpartition('.')[0]}*"),
        names.map(lambda name: f"re:{name.partition('.')[0]}.*"),
        st.tuples(names, index).map(lambda pair: f"{pair[0]}[{pair[1]}]"),
    )
    return st.lists(pattern, max_size=2).map(tuple)


@st.composite
def rules(draw: st.DrawFn, tree: ModuleTree, most: int = 4) -> list[Rule]:
    """Rules for a tree, valid or not."""
    return [draw(_rule(tree, at)) for at in range(draw(st.integers(0, most)))]


@st.composite
def _rule(draw: st.DrawFn, tree: ModuleTree, at: int) -> Rule:
    method = draw(st.sampled_from(["train", "requires_grad", "stop_gradient"]))
    norms = ["eval", "train", *(["affine-only"] if method != "stop_gradient" else [])]
    trains = method == "train"
    counted = draw(st.sampled_from(["", "", "", "first", "last", "before_last"]))
    number = st.integers(1, 3) if counted != "before_last" else st.sampled_from([5, 30, 60, 95])
    of = st.sampled_from([None, ".", *(c.name for c in tree.cells)])
    return Rule(
        patterns=draw(_patterns(tree)),
        method=method,
        cuts=method == "stop_gradient",
        norm=draw(st.sampled_from([*norms, *([None] if trains else [])])),
        excluded=draw(st.one_of(st.just(()), _patterns(tree))),
        kinds=draw(st.sampled_from([(), (), (), ("Dense",), ("BatchNorm2d", "Block")])),
        roles=draw(st.sampled_from([(), (), (), *((role,) for role in ROLES)])),
        dropout=None if trains else draw(st.sampled_from([None, "on", "off"])),
        lr_factor=draw(st.sampled_from([1.0, 0.5])) if trains else 1.0,
        weight_decay=draw(st.sampled_from([None, 0.0, 0.1])) if trains else None,
        of=draw(of) if counted in ("first", "last") else None,
        key=f"policy.rules[{at}]",
        label=f"rule {at + 1}",
        **({counted: draw(number)} if counted else {}),  # type: ignore[arg-type]
    )


@st.composite
def likely_rules(draw: st.DrawFn, blocks: int) -> list[Rule]:
    """Rules that a user might write for ``Assembled``: its head, a part of it, the rest."""
    index = st.integers(-blocks, blocks - 1).map(lambda at: (f"blocks[{at}]",))
    selectors = st.one_of(
        index.map(lambda patterns: {"patterns": patterns}),
        st.just({"patterns": ("blocks", "stem")}),
        st.just({"patterns": (), "first": 2}),
        st.just({"patterns": (), "roles": ("bias", "norm_shift")}),
        st.just({"patterns": (), "before_last": 30.0}),
    )
    settings = [{"patterns": (), "last": 1, "method": "train"}] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(0, 2))):
        method = draw(st.sampled_from(["stop_gradient", "requires_grad", "train"]))
        settings.append({**draw(selectors), "method": method})
    if settings[:1] == [{"patterns": (), "last": 1, "method": "train"}]:
        method = draw(st.sampled_from(["stop_gradient", "requires_grad"]))
        settings.append({"patterns": (), "method": method})
    return [_finish(draw, at, rule) for at, rule in enumerate(settings)]


def _finish(draw: st.DrawFn, at: int, rule: dict[str, Any]) -> Rule:
    cuts, trains = rule["method"] == "stop_gradient", rule["method"] == "train"
    norms = [None, "eval"] if trains else ["eval", "train", *([] if cuts else ["affine-only"])]
    norm = draw(st.sampled_from(norms))
    factor = draw(st.sampled_from([1.0, 0.5])) if trains else 1.0
    label = f"rule {at + 1}"
    return Rule(cuts=cuts, norm=norm, lr_factor=factor, label=label, key=label, **rule)


class Assembled(nn.Cell):
    """A stem, blocks of random parts, and a head; [N, 1, 6, 6] to [N, 3]."""

    def __init__(self, blocks: list[list[str]]) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 2, 3)
        self.blocks = nn.CellList(
            [nn.SequentialCell([_part(kind) for kind in kinds]) for kinds in blocks]
        )
        self.flatten = nn.Flatten()
        self.head = nn.Dense(72, 3)

    def construct(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = x + block(x)
        return self.head(self.flatten(x))


def _part(kind: str) -> nn.Cell:
    if kind == "conv":
        return nn.Conv2d(2, 2, 3, has_bias=True)
    return {"norm": nn.BatchNorm2d(2), "drop": nn.Dropout(p=0.3), "tanh": nn.Tanh()}[kind]


def nets() -> st.SearchStrategy[list[list[str]]]:
    """Blocks for ``Assembled``."""
    part = st.sampled_from(["conv", "norm", "drop", "tanh"])
    return st.lists(st.lists(part, min_size=1, max_size=3), min_size=1, max_size=2)
