from pathlib import Path

import numpy as np
import pytest
from mindspore import nn

from tests.support.nets import Normed, TwoConvs
from tests.support.stacks import Stack
from trainer.backend.graph import module_tree
from trainer.cli import plan_figure as drawing
from trainer.cli.plan_figure import Row, plan_figure, rows
from trainer.config.rules import Rule
from trainer.core import plotting
from trainer.freezing import plan


def bars(net: nn.Cell, *rules: Rule) -> list[Row]:
    what = module_tree.describe(net)
    return rows(plan.resolve(rules, what), what)


def test_a_bar_a_layer_with_what_trains_in_it() -> None:
    found = bars(Normed(), Rule(("conv1", "bn1.gamma"), "requires_grad", False))
    assert [(row.name, row.values, row.trained) for row in found] == [
        ("conv1", 18, 0),
        ("bn1", 4, 2),
        ("conv2", 36, 36),
        ("bn2", 4, 4),
        ("fc", 27, 27),
    ]
    assert [row.name for row in found if row.moving] == ["bn1", "bn2"]


def test_a_bar_a_block_where_layers_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(bars(Stack())) == 10
    monkeypatch.setattr(drawing, "_MOST_ROWS", 9)
    assert [row.name for row in bars(Stack())] == [
        "stem",
        *(f"blocks.{n}" for n in range(4)),
        "head",
    ]
    monkeypatch.setattr(drawing, "_MOST_ROWS", 2)
    assert [row.name for row in bars(Stack())] == ["stem", "blocks", "head"]


@pytest.mark.parametrize("rules", [(), (Rule(("conv2",), "stop_gradient", True),)])
def test_the_picture(tmp_path: Path, rules: tuple[Rule, ...]) -> None:
    what = module_tree.describe(TwoConvs())
    resolved = plan.resolve(rules, what)
    figure = plan_figure([resolved], what, "TwoConvs")
    plotting.save(figure, tmp_path / "plan.png")
    across = [line for line in figure.axes[0].lines if np.array_equal(line.get_xdata(), [0, 1])]
    assert len(across) == len(resolved.cuts)
    assert "frozen" in figure.axes[0].get_title(loc="left")
