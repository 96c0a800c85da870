"""Paths that cannot be used are configuration errors, except for folders of caches."""

import pytest

from tests.support.command import Command, refused


def test_folder_that_is_a_file(command: Command) -> None:
    (command.folder / "run").write_text("mine")
    assert "run (File exists)" in refused(command).err
    assert (command.folder / "run").read_text() == "mine"


LONG = "a" * 300


@pytest.mark.slow
@pytest.mark.parametrize("path", [LONG, "file/b", "loop/b"])
@pytest.mark.parametrize(
    "key", ["hydra.run.dir", "init_from", "resume", "compile_cache.folder", "features.folder"]
)
def test_a_path_that_cannot_be_used_is_a_configuration_error(
    command: Command, key: str, path: str
) -> None:
    (command.folder / "file").touch()
    (command.folder / "loop").symlink_to("loop")
    ended = command.train("epochs=1", "freeze=conv1", f"{key}={path}")
    assert "Traceback" not in ended.err
    if key in ("compile_cache.folder", "features.folder"):  # a run does without them
        assert ended.code == 0
        return
    assert ended.code == 2, ended.err
    assert ended.err.splitlines()[1].startswith(f"  - {key}: ")


@pytest.mark.parametrize("path", [LONG, "file/b", "loop/b"])
def test_so_it_is_for_the_other_commands(command: Command, run: str, path: str) -> None:
    (command.folder / "file").touch()
    (command.folder / "loop").symlink_to("loop")
    for ended in (
        command.train("-m", f"hydra.sweep.dir={path}", "seed=0,1"),
        command.train(f"--config-dir={path}", "seed=0"),
        command.plan(f"out={path}"),
        command.evaluate(run, f"out={path}"),
        command.export(run, "format=safetensors", f"out={path}.safetensors"),
        command.evaluate(path),
        command.diff(run, path),
        command.verify(path),
        command.sweep(path),
    ):
        assert ended.code == 2, ended
        assert "Traceback" not in ended.err
        assert "configuration error:\n  - " in ended.err
