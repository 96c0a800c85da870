"""Proposals for random trees of layers: what is settled is right, and loads when it is pasted."""

import shlex
from collections.abc import Callable
from random import Random

import pytest
import yaml
from mindspore import nn

from tests.support.norm_names import NORM_NAMES
from trainer.backend.host_copy import to_numpy
from trainer.checkpoint.pretrained import loading
from trainer.checkpoint.pretrained.proposal import matching, name_tree, propose
from trainer.checkpoint.pretrained.source import PYTORCH, WeightsSource
from trainer.config import init_map, overrides

SEEDS = range(60)


def module(random: Random, depth: int) -> nn.Cell:
    """Return a random tree of layers, many of which have equal shapes."""
    if depth == 0 or random.random() < 0.3:
        size = random.choice([1, 2, 2, 2, 3])
        return nn.Dense(2, size) if random.random() < 0.6 else nn.BatchNorm1d(size + 3)
    parts = [module(random, depth - 1) for _ in range(random.randint(1, 4))]
    if random.random() < 0.5:
        return nn.SequentialCell(parts)
    holder = nn.Cell()
    for number, part in enumerate(parts):
        setattr(holder, random.choice(["conv", "norm", "proj"]) + str(number), part)
    return holder


def renamed_paths(names: list[str], random: Random) -> dict[str, str]:
    """Return other names of the same tree, by its names, in another order."""
    renames: dict[str, str] = {}

    def below(path: str, new_path: str) -> None:
        inside = [name for name in names if name.startswith(path)]
        parts = list(dict.fromkeys(name.removeprefix(path).partition(".")[0] for name in inside))
        scheme = naming(random)
        random.shuffle(parts)
        for part in parts:
            if path + part in names:
                renames[path + part] = new_path + NORM_NAMES.get(part, part)
            else:
                wrapper = "wrapped." if random.random() < 0.2 else ""
                below(f"{path}{part}.", f"{new_path}{scheme(part)}.{wrapper}")

    below("", "")
    return renames


def naming(random: Random) -> Callable[[str], str]:
    """Return a way in which another library may name the parts of a module."""
    stem, shift = random.choice(["block", "layer_", ""]), random.randint(1, 3)
    letters = dict.fromkeys("abcdefgh")

    def fresh(part: str) -> str:
        letter = random.choice(list(letters))
        del letters[letter]
        return letter + "x"

    def shifted(part: str) -> str:
        return str(int(part) + shift) if part.isdigit() else part

    def stemmed(part: str) -> str:
        return stem + part if part.isdigit() else part

    return random.choice([fresh, shifted, stemmed, lambda part: part])


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_settled_is_right(seed: int) -> None:
    random = Random(seed)
    model = nn.SequentialCell([module(random, 3), nn.Dense(5, 9)])
    own = {name: tuple(p.shape) for name, p in model.parameters_and_names()}
    truth = {new: old for old, new in renamed_paths(list(own), random).items()}
    theirs = {new: own[old] for new, old in truth.items()}
    match = matching.match(name_tree.build(theirs), name_tree.build(own))
    assert match.names.items() <= truth.items()
    proposal = propose.propose(theirs, own, model, {})
    if proposal.is_complete and proposal.renames:
        values = to_numpy(model)
        weights = {new: values[old] + 1 for new, old in truth.items()}
        mapping = pasted(proposal.rows())
        loaded = loading.load_weights(model, WeightsSource(PYTORCH, weights), mapping=mapping)
        assert {new: old for old, new in loaded.loaded.items()} == truth


def pasted(rows: list[str]) -> init_map.Renames:
    """Return the map that a user has who does what the rows say."""
    setting = rows[0].removeprefix("proposed, to be checked: ")
    if setting.startswith("init_map=names.yaml"):
        return init_map.read(yaml.safe_load(rows[1]))
    config, problems = overrides.check(shlex.split(setting))
    assert not problems
    return init_map.read(config["init_map"])


def test_several_of_them_are_complete() -> None:
    complete = 0
    for seed in SEEDS:
        random = Random(seed)
        model = nn.SequentialCell([module(random, 3), nn.Dense(5, 9)])
        own = {name: tuple(p.shape) for name, p in model.parameters_and_names()}
        names = renamed_paths(list(own), random)
        theirs = {new: own[old] for old, new in names.items()}
        proposal = propose.propose(theirs, own, model, {})
        complete += proposal.is_complete and bool(proposal.renames)
    assert complete > len(SEEDS) / 5
