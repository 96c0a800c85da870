"""What a command line asks to go on with, and what may have changed since."""

from pathlib import Path
from typing import Any

import pytest
from omegaconf import ListConfig, OmegaConf

from trainer.backend.convolutions import choice
from trainer.checkpoint import checkpoint_index
from trainer.checkpoint.changed_settings import changed_settings
from trainer.checkpoint.resume import ResumeRequest, restore_computation, resume_request
from trainer.core import cpu_cores
from trainer.core.errors import ConfigError


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's folder, as far as its command line is concerned."""
    folder = tmp_path / "it's a run"
    (folder / ".hydra").mkdir(parents=True)
    lines = ["freeze=conv1", "epochs=3", "optimizer=adam", "~policy"]
    text = "".join(f"- {line}\n" for line in lines)
    (folder / ".hydra/overrides.yaml").write_text(text)
    return folder


def quoted(folder: Path) -> str:
    return str(folder).replace("'", "\\'")


def test_without_a_word_of_it_nothing_is_asked() -> None:
    asked = resume_request(["freeze=conv1", "resume=null"])
    assert (asked.overrides, asked.folder, asked.required) == (["freeze=conv1"], None, False)


def test_a_folder_that_is_named_may_hold_a_run() -> None:
    asked = resume_request(["hydra.run.dir=runs/a", "resume.allow=policy"])
    assert (asked.folder, asked.allow, asked.required) == (
        Path("runs/a"),
        frozenset({"policy"}),
        False,
    )
    assert asked.overrides == ["hydra.run.dir=runs/a"]
    assert resume_request(["hydra.run.dir='runs/${now:%H}'"]).folder is None


def test_the_overrides_of_the_run_come_first_and_new_ones_win(run: Path) -> None:
    asked = resume_request([f"resume='{quoted(run)}'", "epochs=9", "+optimizer.eps=1e-6"])
    assert asked.overrides[:5] == [
        "freeze=conv1",
        "optimizer=adam",
        "~policy",
        "epochs=9",
        "+optimizer.eps=1e-6",
    ]
    assert (asked.folder, asked.required) == (run, True)
    assert resume_request(asked.overrides).folder == run, "quoted as Hydra reads it"


@pytest.mark.parametrize(
    "line",
    [
        "+dataset.batch_size=${batch_size}",
        "seed=${oc.env:GONE}",
        "init_from='a/${now:%H}'",
        "a=???",
    ],
)
def test_recorded_overrides_are_text_and_no_configuration(run: Path, line: str) -> None:
    recorded = ListConfig(["epochs=3", line])
    (run / ".hydra/overrides.yaml").write_text(OmegaConf.to_yaml(recorded))
    assert resume_request([f"resume='{quoted(run)}'"]).overrides[:-1] == ["epochs=3", line]


@pytest.mark.parametrize("text", ["a: b", "[", "3", "- [a"])
def test_damaged_overrides_are_named(run: Path, text: str) -> None:
    (run / ".hydra/overrides.yaml").write_text(text)
    with pytest.raises(ConfigError, match="expected the overrides of a run in"):
        resume_request([f"resume='{quoted(run)}'"])


def test_the_keys_of_a_group_go_with_another_choice_of_it(run: Path) -> None:
    saved = "- optimizer=adam\n- optimizer.lr=0.1\n- +optimizer.eps=1e-6\n"
    (run / ".hydra/overrides.yaml").write_text(saved)
    name = quoted(run)
    assert resume_request([f"resume='{name}'", "optimizer=sgd"]).overrides[:-1] == ["optimizer=sgd"]
    earlier = resume_request([f"resume='{name}'", "optimizer=a", "seed=0"]).overrides
    assert earlier[:-1] == ["optimizer=a", "seed=0"]
    kept = ["optimizer.lr=0.1", "+optimizer.eps=1e-6", "optimizer=adam"]
    assert resume_request([f"resume='{name}'", "optimizer=adam"]).overrides[:-1] == kept


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (["resume=nowhere"], "expected a run's folder, received nowhere"),
        (["resume.allow=[polcy]"], r"received 'polcy' \(nearest: policy"),
        (["resume.alow=policy"], "resume.alow: unknown key"),
        (["resume.allow=[policy,'']"], r"received ''$"),
        (
            ["resume=nowhere", "hydra.run.dir=a"],
            "hydra.run.dir: expected none together with",
        ),
    ],
)
def test_mistakes(lines: list[str], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        resume_request(lines)


def test_the_nearest_run_is_offered(run: Path) -> None:
    with pytest.raises(ConfigError, match=r"nearest: it's a run"):
        resume_request([f"resume='{quoted(run.parent)}/its a run'"])


@pytest.mark.parametrize(
    ("request_", "recorded", "used"),
    [
        (ResumeRequest([]), {"cores": "3"}, []),
        (ResumeRequest([], Path("run")), {"cores": "3"}, [3]),
        (ResumeRequest([], Path("run")), {}, [0]),
        (ResumeRequest([], Path("run")), {"cores": "all"}, [0]),
        (ResumeRequest([], Path("run"), frozenset({"device"})), {"cores": "3"}, []),
        (ResumeRequest([], Path("run"), frozenset({"seed"})), {"cores": "3"}, [3]),
    ],
)
def test_the_cores_of_the_run_are_used_unless_others_are_allowed(
    request_: ResumeRequest,
    recorded: dict[str, str],
    used: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folders: list[Path] = []
    cores: list[int] = []

    def versions(folder: Path) -> dict[str, str]:
        folders.append(folder)
        return recorded

    monkeypatch.setattr(checkpoint_index, "last_versions", versions)
    monkeypatch.setattr(cpu_cores, "use_only", cores.append)
    monkeypatch.setattr(choice, "prefer_plain", lambda: None)
    restore_computation(request_)
    assert cores == used
    assert folders == [Path("run/checkpoints")] * len(used)


@pytest.mark.parametrize(
    ("recorded", "allow", "plain"),
    [
        ({"convolutions": "plain"}, [], True),
        ({"cores": "2"}, [], True),
        ({"convolutions": "blocked"}, [], False),
        ({}, [], False),
        ({"convolutions": "plain"}, ["device"], False),
    ],
    ids=["plain", "from before there was a choice", "blocked", "no checkpoint", "allowed"],
)
def test_plain_convolutions_stay_plain(
    recorded: dict[str, str], allow: list[str], plain: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[bool] = []
    monkeypatch.setattr(checkpoint_index, "last_versions", lambda folder: recorded)
    monkeypatch.setattr(choice, "prefer_plain", lambda: calls.append(True))
    restore_computation(ResumeRequest([], Path("run"), frozenset(allow)))
    assert calls == [True] * plain


SETTINGS: dict[str, Any] = {
    "freeze": ["conv1"],
    "optimizer": {"lr": 0.1, "betas": [0.9, 0.99]},
    "device": {"target": "cpu", "threads": "auto"},
    "epochs": 5,
    "batch_size": 32,
}


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({}, {}),
        ({"epochs": 7, "snapshot": {"keep": "off"}, "max_minutes": 3}, {}),
        ({"device": {"target": "cpu", "threads": "free"}}, {}),
        ({"freeze": []}, {"policy": ["freeze: ['conv1'] -> []"]}),
        ({"batch_size": 8}, {"dataset": ["batch_size: 32 -> 8"]}),
        (
            {"optimizer": {"lr": 0.2, "eps": 1}},
            {
                "optimizer": [
                    "optimizer.lr: 0.1 -> 0.2",
                    "optimizer.betas: [0.9, 0.99] -> None",
                    "optimizer.eps: None -> 1",
                ]
            },
        ),
    ],
)
def test_what_differs_is_told_by_part(changes: dict[str, Any], parts: dict[str, list[str]]) -> None:
    assert changed_settings(SETTINGS, SETTINGS | changes) == parts
