"""Optimizer: the part of a configuration that describes the optimizer. Pure Python."""

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from trainer.config.groups import Target

NO_DECAY = ("norm", "bias")


def _known_kind(word: str) -> str:
    if word not in NO_DECAY:
        raise ValueError(f"expected some of {', '.join(NO_DECAY)}, received {word!r}")
    return word


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _two(betas: list[float]) -> list[float]:
    if len(betas) != 2:
        raise ValueError(f"expected two numbers, received {betas!r}")
    return betas


_Beta = Annotated[float, Field(ge=0, lt=1)]
_Kinds = Annotated[list[Annotated[str, AfterValidator(_known_kind)]], BeforeValidator(_as_list)]


class Optimizer(Target):
    """An optimizer: ``lr`` and whatever the class takes; ``conf/optimizer`` explains each key."""

    lr: float = Field(ge=0, allow_inf_nan=False)
    weight_decay: float = Field(0.0, ge=0, allow_inf_nan=False)
    momentum: float = Field(0.0, ge=0, lt=1)
    betas: Annotated[list[_Beta], AfterValidator(_two)] | None = None
    eps: float | None = Field(None, gt=0, allow_inf_nan=False)
    no_decay: _Kinds | None = None

    def spec(self) -> dict[str, Any]:
        """The mapping that ``optim.optimizer.build_optimizer`` takes, without what was left out."""
        unset = {key for key in ("betas", "eps") if getattr(self, key) is None}
        return {key: value for key, value in super().spec().items() if key not in unset}
