"""Step groups: what a step does with gradients and weights in addition to the optimizer."""

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from trainer.config.groups import Group


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
