"""Settings of a run's pods, checked by the rules of Kubernetes' API server. Pure Python."""

import re
from collections import Counter
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, Field

from trainer.config.plugin_options import Options

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"  # RFC 1123
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_WORD = r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?"
_MAX_LABEL, _MAX_SUBDOMAIN = 63, 253
_MAX_NAME = 52  # what a pod's suffix leaves of a label: NAME-worker-123
_MAX_INT = 2**31 - 1
_WHAT = "lower-case letters, digits and dashes, with a letter or digit at both ends"


def _fits(pattern: str, text: str, length: int) -> bool:
    return len(text) <= length and re.fullmatch(pattern, text) is not None


def _job_name(text: str) -> str:
    if not _fits(_LABEL, text, _MAX_NAME):
        raise ValueError(f"expected at most {_MAX_NAME} {_WHAT}, received {text!r}")
    return text


def _label(text: str) -> str:
    if not _fits(_LABEL, text, _MAX_LABEL):
        raise ValueError(f"expected at most {_MAX_LABEL} {_WHAT}, received {text!r}")
    return text


def _subdomain(text: str) -> str:
    if not _fits(_SUBDOMAIN, text, _MAX_SUBDOMAIN):
        raise ValueError(f"expected {_WHAT}, parts separated by dots, received {text!r}")
    return text


def _image(text: str) -> str:
    if not re.fullmatch(r"\S+", text):
        raise ValueError(f"expected the name of an image without spaces, received {text!r}")
    return text


def _is_qualified(text: str) -> bool:
    """Tell whether a text is a name with an optional domain: ``site.com/accelerator``."""
    domain, slash, name = text.rpartition("/")
    is_domain = not slash or _fits(_SUBDOMAIN, domain, _MAX_SUBDOMAIN)
    return is_domain and _fits(_WORD, name, _MAX_LABEL)


def _device(text: str) -> str:
    if "/" not in text or not _is_qualified(text):
        raise ValueError(f"expected DOMAIN/NAME, such as huawei.com/Ascend910, received {text!r}")
    return text


def _volumes(volumes: dict[str, str]) -> dict[str, str]:
    problems = [
        f"expected a claim's name of {_WHAT}, parts separated by dots, received {claim!r}"
        for claim in volumes
        if not _fits(_SUBDOMAIN, claim, _MAX_SUBDOMAIN)
    ]
    problems += [
        f"expected an absolute path without a colon for {claim}, received {path!r}"
        for claim, path in volumes.items()
        if not re.fullmatch(r"/[^:]*", path)
    ]
    counts = Counter(str(PurePosixPath(path)) for path in volumes.values())
    problems += [
        f"expected a different path for each claim, received {path} {count} times"
        for path, count in counts.items()
        if count > 1
    ]
    if problems:
        raise ValueError("; ".join(problems))
    return volumes


def _node_selector(labels: dict[str, str]) -> dict[str, str]:
    for key, value in labels.items():
        if not _is_qualified(key) or (value and not _fits(_WORD, value, _MAX_LABEL)):
            raise ValueError(f"expected a label and its value, received {key}: {value!r}")
    return labels


class Pods(Options):
    """The settings of a run's pods; ``conf/kubernetes.yaml`` explains each key."""

    name: Annotated[str, AfterValidator(_job_name)]
    namespace: Annotated[str, AfterValidator(_label)] | None
    image: Annotated[str, AfterValidator(_image)]
    setup: list[str]
    volumes: Annotated[dict[str, str], AfterValidator(_volumes)]
    ranks: int = Field(ge=1, le=_MAX_INT)
    cpus: float = Field(ge=0.001, allow_inf_nan=False)
    mem_gb: float = Field(ge=0.001, allow_inf_nan=False)
    devices: int = Field(ge=0, le=_MAX_INT)
    device: Annotated[str, AfterValidator(_device)]
    node_selector: Annotated[dict[str, str], AfterValidator(_node_selector)]
    queue: Annotated[str, AfterValidator(_subdomain)]
    minutes: int | None = Field(ge=1, le=_MAX_INT)
    grace_seconds: int = Field(ge=1, le=_MAX_INT)
    retries: int = Field(ge=0, le=_MAX_INT)

    def problems(self) -> list[str]:
        """Return which settings do not fit together."""
        if self.ranks > 1 and self.name[0].isdigit():
            expected = "expected a letter first, because several ranks need a Service of that name"
            return [f"name: {expected}, received {self.name!r}"]
        return []
