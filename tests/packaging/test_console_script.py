"""The command freeze-trainer: its verbs, and a clash with another distribution's trainer."""

import subprocess
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.support.environments import Environment, new_environment, run

pytestmark = pytest.mark.slow  # each builds environments

OTHER = {
    "trainer/__init__.py": "raise SystemExit('the other trainer ran')\n",
    "trainer/trainer.py": "",
    "other-1.2.dist-info/METADATA": "Metadata-Version: 2.1\nName: other\nVersion: 1.2\n",
    "other-1.2.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
}


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of another distribution that has a package ``trainer``, as Coqui's has."""
    path = tmp_path_factory.mktemp("other") / "other-1.2-py3-none-any.whl"
    record = "other-1.2.dist-info/RECORD"
    with ZipFile(path, "w") as archive:
        for name, text in OTHER.items():
            archive.writestr(name, text)
        archive.writestr(record, "".join(f"{name},,\n" for name in [*OTHER, record]))
    return path


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return new_environment(tmp_path / "venv")


def started(environment: Environment, cwd: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    script = environment.folder / "bin/freeze-trainer"
    return subprocess.run([script, *words], cwd=cwd, capture_output=True, text=True, timeout=600)


def refused(environment: Environment, cwd: Path, *texts: str) -> None:
    ended = started(environment, cwd, "verify", "--help")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("1 configuration error:\n  - trainer: expected the ")
    for text in texts:
        assert text in ended.stderr


def test_help_lists_the_verbs_and_each_has_its_own(installed: Environment, tmp_path: Path) -> None:
    listed = started(installed, tmp_path, "--help")
    assert listed.returncode == 0, listed.stderr
    for verb in ("train", "plan", "probe", "evaluate", "export", "diff", "verify", "sweep"):
        assert f"\n  {verb} " in listed.stdout
    own = started(installed, tmp_path, "verify", "--help")
    assert own.stdout.startswith("usage: python -m trainer.verify RUN")


def test_it_trains_plans_and_verifies_with_the_users_own_modules(
    installed: Environment, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text("from mindspore.nn import CrossEntropyLoss as Loss\n")
    words = ["freeze=conv1", "epochs=1", "batch_size=128", "loss=custom", "loss._target_=mine.Loss"]
    trained = started(installed, tmp_path, *words, "hydra.run.dir=a")
    assert trained.returncode == 0, trained.stderr
    planned = started(installed, tmp_path, "plan", "freeze=conv1")
    assert "cut behind it" in planned.stdout, planned.stderr
    verified = started(installed, tmp_path, "verify", "a")
    assert verified.returncode == 0, verified.stderr


@pytest.mark.parametrize("words", [["plam"], ["plam", "freeze=conv1"]])
def test_an_unknown_verb_is_named_with_the_nearest(
    installed: Environment, tmp_path: Path, words: list[str]
) -> None:
    ended = started(installed, tmp_path, *words)
    assert ended.returncode == 2
    assert "expected a verb or KEY=VALUE, received plam (nearest: plan" in ended.stderr


def test_a_configuration_error_has_the_code_of_the_trainer(
    installed: Environment, tmp_path: Path
) -> None:
    ended = started(installed, tmp_path, "plan", "lr=3")
    assert ended.returncode == 2
    assert "did you mean optimizer.lr?" in ended.stderr


def test_another_trainer_installed_over_this_one_is_named(
    environment: Environment, wheel: Path, other: Path, tmp_path: Path
) -> None:
    environment.install(wheel)
    environment.install(other)
    refused(environment, tmp_path, "trainer/__init__.py", "(of other 1.2)", "--force-reinstall")


def test_this_one_installed_over_another_works_until_the_other_is_removed(
    environment: Environment, wheel: Path, other: Path, tmp_path: Path
) -> None:
    environment.install(other)
    environment.install(wheel)
    ended = started(environment, tmp_path, "verify", "--help")
    assert (ended.returncode, ended.stderr) == (0, "")
    run(*environment.pip("uninstall", "-q", "-y", "other"))
    refused(environment, tmp_path, "trainer/__init__.py", "--force-reinstall")


def test_another_trainer_that_is_found_first_is_named_by_its_place(
    installed: Environment, tmp_path: Path
) -> None:
    (tmp_path / "trainer").mkdir()
    (tmp_path / "trainer/__init__.py").write_text(OTHER["trainer/__init__.py"])
    refused(installed, tmp_path, f"received {tmp_path / 'trainer'}")
