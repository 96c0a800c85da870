"""Console script ``freeze-trainer``: checks which package ``trainer`` is found, then runs a verb.

It is a module of its own at the top of the wheel, because other distributions have a package
``trainer`` too: installed over this project's, or found before it, they would run instead.
"""

import importlib
import sys
from collections.abc import Iterator
from importlib import metadata, util
from pathlib import Path
from typing import NoReturn

_DISTRIBUTION = "freeze-trainer"
_MARK = "cli/entry_point.py"  # in the package of this project

VERBS = {
    "train": "train; also without a verb: freeze-trainer freeze=conv1",
    "plan": "what a run would freeze, and why",
    "probe": "gradients of one batch, no training",
    "preview": "images as a run would train on them, and how many there are",
    "lr_find": "a learning rate that suits, by a range test",
    "compare": "both freeze methods and none, side by side",
    "sweep": "the state of the runs of -m, as a table",
    "evaluate": "loss and accuracy of a finished run, by class",
    "predict": "the classes of new images, by a finished run's model",
    "export": "the model of a finished run in a file, checked",
    "diff": "what changed from one set of weights to another",
    "verify": "a run re-checked from its files alone",
    "kubernetes": "the manifest of a run for Kubernetes",
    "requeue": "train in a job of Slurm that is requeued when its time is up",
}


def main() -> None:
    """Run the verb that the command line names, or train."""
    if not sys.flags.safe_path:
        sys.path.insert(
            0, str(Path.cwd())
        )  # as `python -m trainer` does, for the user's own modules
    if problem := clash():
        _refuse(f"trainer: {problem}")
    words = sys.argv[1:]
    if words in (["--help"], ["-h"], ["help"]):
        print(usage())
        return
    verb = words[0] if words and words[0] in VERBS else "train"
    if words and words[0].isidentifier() and words[0] not in VERBS:
        from trainer.core.errors import nearest

        _refuse(f"expected a verb or KEY=VALUE, received {words[0]}{nearest(words[0], VERBS)}")
    sys.argv = [f"{_DISTRIBUTION} {verb}", *(words[1:] if words[:1] == [verb] else words)]
    importlib.import_module(f"trainer.cli.{verb}").main()


def _refuse(problem: str) -> NoReturn:
    print(f"1 configuration error:\n  - {problem}", file=sys.stderr)
    sys.exit(2)


def usage() -> str:
    """Return the verbs, a line for each."""
    lines = [f"  {verb:<12}{text}" for verb, text in VERBS.items()]
    return "\n".join(
        [
            f"usage: {_DISTRIBUTION} [VERB] [KEY=VALUE ...]",
            "",
            *lines,
            "",
            f"{_DISTRIBUTION} VERB --help explains a verb; each is also python -m trainer.VERB.",
        ]
    )


def clash() -> str | None:
    """Return why the package ``trainer`` that would be imported is not this project's; else None.

    Nothing is imported: another distribution's package may take seconds, or fail.
    """
    spec = util.find_spec("trainer")
    folders = list(spec.submodule_search_locations or []) if spec else []
    if not folders:
        return f"expected the package of {_DISTRIBUTION}, received none. {_advice()}"
    folder = Path(folders[0])
    if not (folder / _MARK).is_file():
        return f"expected the package of {_DISTRIBUTION}, received {folder}{_owners()}. {_advice()}"
    if damaged := list(_damaged(folder)):
        names = ", ".join(damaged[:3]) + (", ..." if len(damaged) > 3 else "")
        return (
            f"expected the files of {_DISTRIBUTION} in {folder}, received others{_owners()} for "
            f"{len(damaged)} of them: {names}. {_advice()}"
        )
    return None


def _damaged(folder: Path) -> Iterator[str]:
    """Yield the installed files that are missing or of another size than when they were installed.

    Of a checkout, and of an editable install, nothing is recorded.
    """
    try:
        files = metadata.files(_DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return
    for file in files:
        path = Path(str(file.locate()))
        recorded = file.parts[0] == "trainer" and file.size is not None
        if recorded and path.is_relative_to(folder) and _size(path) != file.size:
            yield str(file)


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None


def _owners() -> str:
    """Return which other distributions have a package ``trainer``, as part of a sentence."""
    names = sorted(set(metadata.packages_distributions().get("trainer", [])) - {_DISTRIBUTION})
    versions = [f"{name} {metadata.version(name)}" for name in names]
    return f" (of {', '.join(versions)})" if versions else ""


def _advice() -> str:
    return (
        f"Install {_DISTRIBUTION} in a virtual environment without the other; or, to give it up "
        f"here: pip uninstall it, then pip install --force-reinstall --no-deps {_DISTRIBUTION}"
    )


if __name__ == "__main__":
    main()
