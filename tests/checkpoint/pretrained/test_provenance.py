"""``init_from`` from the command line to the run's folder."""

import json
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file, save_file

from tests.support.command import CHECKOUT, Command
from trainer.checkpoint.pretrained.provenance import REINITIALISED, Provenance

WEIGHTS = CHECKOUT / "models/lenet5_digits_0to4.safetensors"
SHORT = ["epochs=1", "snapshot.keep=off", "batch_size=256"]


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(text) for text in path.read_text().splitlines()]


def line(out: str) -> str:
    return next(line for line in out.splitlines() if line.startswith("weights  "))


@pytest.mark.slow
def test_names_are_mapped_and_the_run_says_what_it_took(command: Command) -> None:
    theirs = {n.replace("conv", "body."): a for n, a in load_file(WEIGHTS).items()}
    save_file(theirs, command.folder / "w.safetensors")
    mapping = "init_map={body.1:conv1,body.2:conv2}"
    ended = command.train("init_from=w.safetensors", mapping, "freeze=conv1", *SHORT)
    assert ended.code == 0, ended.err
    assert line(ended.out).split(maxsplit=1)[1] == (
        "w.safetensors: safetensors, 8 loaded (4 renamed); 2 re-initialised: fc3.weight, fc3.bias"
    )
    record = json.loads((command.folder / "run/init.json").read_text())
    assert {"parameter": "conv2.bias", "from": "body.2.bias"} in record["taken"]
    assert {"name": "fc3.bias", "reason": "re-initialised"} in record["left_out"]
    trained = load_file(command.folder / "run/model.safetensors")
    assert (trained["conv1.weight"] == theirs["body.1.weight"]).all()


def test_the_summary_has_the_numbers_of_all_and_the_first_names() -> None:
    provenance = Provenance("safetensors", ["unwrapped model"])
    assert provenance.summary() == "safetensors, 0 loaded; unwrapped model"
    provenance.loaded = {"a": "a", "b": "x", "c": "y"}
    assert provenance.summary().startswith("safetensors, 3 loaded (2 renamed); unwrapped")
    provenance.reshaped = {"a": (1, 2)}
    assert provenance.summary().startswith("safetensors, 3 loaded (2 renamed, 1 reshaped); un")
    provenance.add_unmatched(["a", "b", "c", "d", "e", "f", "g", "h", "i"], ["d"])
    provenance.ignored = {REINITIALISED: ["d"], "optimizer": ["m.a", "m.b", "m.c", "m.d"]}
    provenance.unexpected = ["z"]
    assert provenance.summary().split("; ")[2:] == [
        "1 re-initialised: d",
        "5 MISSING, so left random: e, f, g, h and 1 more",
        "4 left out (optimizer): m.a, m.b, m.c, m.d",
        "1 UNEXPECTED: z",
    ]
    record = provenance.as_json()
    assert record["taken"][1] == {"parameter": "b", "from": "x"}
    assert record["reshaped"] == [{"parameter": "a", "from": [1, 2]}]
    assert (record["made_anew"], record["missing"][0], record["left_over"]) == (["d"], "e", ["z"])
    assert [row["reason"] for row in record["left_out"]] == [REINITIALISED, *["optimizer"] * 4]


@pytest.mark.slow
def test_a_runs_folder_and_a_mapping_in_a_file(command: Command) -> None:
    assert command.train("hydra.run.dir=first", *SHORT).code == 0
    (command.folder / "names.yaml").write_text("'re:conv1[.](\\w+)': 'conv1.\\1'")
    ended = command.train("init_from=first", "init_map=names.yaml", "new_head=[]", *SHORT)
    assert ended.code == 0, ended.err
    assert line(ended.out).endswith("safetensors, 10 loaded")
    said = records(command.folder / "first/metrics.jsonl")
    again = records(command.folder / "run/metrics.jsonl")
    assert again[0]["validation_loss"] == said[-1]["validation_loss"]


@pytest.mark.slow
def test_what_is_missing_stays_random_only_if_that_is_allowed(command: Command) -> None:
    theirs = load_file(WEIGHTS)
    theirs["fc9.bias"] = theirs.pop("fc2.bias")
    save_file(theirs, command.folder / "w.safetensors")
    strict = command.train("init_from=w.safetensors", *SHORT)
    assert strict.code == 2
    assert "fc2.bias is missing" in strict.err
    ended = command.train("init_from=w.safetensors", "init_strict=false", *SHORT)
    assert ended.code == 0, ended.err
    assert "1 MISSING, so left random: fc2.bias; 1 UNEXPECTED: fc9.bias" in line(ended.out)


@pytest.mark.slow
def test_a_run_is_resumed_without_the_files_it_began_with(command: Command) -> None:
    save_file(load_file(WEIGHTS), command.folder / "w.safetensors")
    (command.folder / "names.yaml").write_text("re:^(conv1): '\\1'")
    began = ["init_from=w.safetensors", "init_map=names.yaml", "batch_size=256"]
    assert command.train(*began, "epochs=1").code == 0
    before = (command.folder / "run/init.json").read_bytes()
    for name in ("w.safetensors", "names.yaml"):
        (command.folder / name).unlink()
    ended = command.train(*began, "epochs=2")
    assert ended.code == 0, ended.err
    assert (command.folder / "run/init.json").read_bytes() == before


def test_a_mapping_that_is_not_there_is_a_mistake(command: Command) -> None:
    ended = command.train("init_map=gone.yaml", "epochs=0")
    assert ended.code == 2
    assert "init_map: expected a YAML file of names, received gone.yaml (No such" in ended.err
    assert "2 configuration errors" in ended.err


def test_mistakes_in_the_new_keys_are_told_with_the_others(command: Command) -> None:
    ended = command.train("init_map=[fc]", "init_strict=3", "epochs=0")
    assert ended.code == 2
    assert "init_map: expected names by name, or a YAML file of them, received ['fc']" in ended.err
    assert "init_strict: expected true or false, received 3" in ended.err
    assert "3 configuration errors" in ended.err
