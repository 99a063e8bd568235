"""The options of PSOL."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

import wsol
from wsol_psol.ddt import DDTOptions


class PSOLOptions(wsol.TrainingOptions):
    """Options of PSOL. The rate is for ``lr_batch`` images; see docs/plugins/psol.md for what the paper leaves out."""

    weight_decay: float = wsol.option(5e-4, "weight decay (paper; the released code has 1e-4)", ge=0)
    nesterov: bool = wsol.option(False, "Nesterov momentum")
    new_lr_multiplier: float = wsol.option(2.0, "learning rate of new layers, as a multiple of lr", gt=0)
    lr_batch: int | None = wsol.option(
        256, "batch size that lr is meant for: it is multiplied by batch size / lr_batch; null: taken as it is", ge=1
    )
    variant: Literal["separate", "joint"] = wsol.option(
        "separate", "two networks, one for boxes and one for classes, or one network with two heads"
    )
    boxes: str = wsol.path(
        "ddt",
        "pseudo boxes: ddt, cam (of the separate classifier), or a CSV file",
        condition="boxes from file",
        words=("ddt", "cam"),
    )
    box_weight: float = wsol.option(50.0, "factor of the squared error of boxes (not in the paper)", gt=0)
    stage: str | None = wsol.option(None, "stage that the networks end with; null: the backbone's last")
    classifier_epochs: int | None = wsol.option(
        None, "epochs of the separate classifier; null: the schedule's; 0: none, and no logits", ge=0
    )
    ten_crop: bool = wsol.option(False, "classify by the mean probability of ten crops")
    theta: float = wsol.option(0.2, "threshold of boxes from cam, as a share of the map's range", ge=0, lt=1)
    ddt_backbone: wsol.Backbone | None = wsol.part(
        "backbones", help="backbone whose features give boxes from ddt; null: the recipe's"
    )
    ddt: DDTOptions = Field(DDTOptions(), description="options of boxes from ddt, as of the method of that name")

    @field_validator("boxes")
    @classmethod
    def _known_source(cls, value: str) -> str:
        if value not in ("ddt", "cam") and not value.endswith(".csv"):
            raise ValueError("ddt, cam, or a file whose name ends with .csv")
        return value

    @model_validator(mode="after")
    def _fit_together(self) -> PSOLOptions:
        if self.boxes == "cam" and (self.variant == "joint" or self.classifier_epochs == 0):
            raise ValueError("boxes from cam need a separate classifier that is trained")
        return self
