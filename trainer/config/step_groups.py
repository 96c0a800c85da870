"""Step groups: what a step does with gradients and weights in addition to the optimizer."""

import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from trainer.config.groups import Group
from trainer.config.policy import RECORDED


class Gradient(Group):
    """How gradients are clipped and accumulated; ``conf/train.yaml`` explains each key."""

    clip: Literal["norm", "value"] | None = None
    clip_value: Annotated[float | None, Field(gt=0, allow_inf_nan=False)] = None
    accumulation_steps: int = Field(1, ge=1)

    @property
    def limit(self) -> float:
        """The largest norm or value; without clipping there is none."""
        return math.inf if self.clip_value is None else self.clip_value

    @model_validator(mode="after")
    def _clip_has_its_value(self) -> "Gradient":
        if self.clip and self.clip_value is None:
            raise ValueError(f"expected gradient.clip_value with clip={self.clip}, received none")
        if self.clip_value is not None and not self.clip:
            expected = "expected gradient.clip=norm or gradient.clip=value"
            raise ValueError(f"{expected} with clip_value={self.clip_value:g}, received none")
        return self


_WARMUP = 10  # of warmup=true


def _warmup(value: Any) -> bool | int:
    if isinstance(value, bool) or (isinstance(value, int) and value >= 1):
        return value
    raise ValueError(f"expected true, false, or a whole number of at least 1, received {value!r}")


class Ema(Group):
    """Whether the weights that train are averaged; ``conf/train.yaml`` explains each key."""

    decay: Annotated[float | None, Field(gt=0, lt=1)] = None
    warmup: Annotated[Any, AfterValidator(_warmup)] = False

    @property
    def warmup_updates(self) -> int:
        """The number in the formula of the warm-up; 0: there is none."""
        return _WARMUP if self.warmup is True else int(self.warmup)

    @model_validator(mode="after")
    def _warmup_has_its_decay(self, info: ValidationInfo) -> "Ema":
        if self.warmup and self.decay is None and info.context != RECORDED:
            warmup = str(self.warmup).lower()
            raise ValueError(f"expected ema.decay with warmup={warmup}, received null")
        return self
