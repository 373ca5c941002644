"""The training recipe: length, optimiser, schedule and all else that a training is set to, checked when made."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from .recipe_files import recipe_content


class Distill(BaseModel):
    """Learning from the dense model: training minimises ``(1 - weight) * loss + weight * distance to its output``.

    The task says what the distance is, see ``Task.distillation_loss``.

    Attributes
    ----------
    weight : float
        Of the distance; 1 leaves the targets out.
    temperature : float
        Both outputs are divided by it before the softmax of a classification; other tasks have no use for it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    weight: float = Field(default=0.5, gt=0, le=1)
    temperature: float = Field(default=4.0, gt=0)


class Average(BaseModel):
    """A moving average of weights and batch-norm statistics, which takes the model's place when training ends.

    Attributes
    ----------
    decay : float
        What remains of the average at a step.
    warmup : bool
        Let the decay rise to this value, ``1 − (1 + step)^(−2/3)``: short trainings would else end near their start.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    decay: float = Field(default=0.9999, gt=0, lt=1)
    warmup: bool = True


class Recipe(BaseModel):
    """How a model is trained. The learning rate is set anew at every step.

    Attributes
    ----------
    epochs : float
        Passes over the training data; 0 trains nothing, 1.5 stops in the middle of the second.
    cycles : int or "method"
        How often all of it is repeated, the schedule starting anew each time while optimiser and weights go on: the
        training then takes ``cycles * epochs``. ``"method"``: as often as in the method's paper, the dense model once.
    batch_size : int
        Images a step.
    optimizer : str
        A name of timm's: ``sgd`` has Nesterov momentum, ``momentum`` is the papers' plain SGD with momentum,
        ``adam``, ``adamw``, ...
    lr, momentum, weight_decay : float
        Of the optimiser; ``momentum`` is ignored by those that have none.
    decay_all : bool
        Decay biases and normalisation weights too, as the papers' code does, instead of sparing them.
    schedule : {"cosine", "step", "constant"}
        ``cosine`` falls to 0; ``step`` multiplies by ``decay_rate`` at each of ``milestones`` (epochs).
    warmup_epochs : float
        The learning rate rises linearly over these first epochs.
    clip_grad : float, optional
        Largest norm of all gradients together.
    precision : {"no", "bf16", "fp16"}
        Mixed precision; ``no`` is float32.
    distill : Distill, optional
        Learn from the dense model's outputs, too; none by default.
    channels_last : bool
        Train in that memory format, the faster one on CPUs with oneDNN and on tensor cores.
    ema : Average, optional
        Evaluate and finish a moving average of the weights instead of the last ones.
    accumulate : int
        Work a batch through in so many parts, one after the other, to save memory. The step is the whole batch's where
        the loss is a mean over inputs, and there is no batch-norm, which sees the parts. Detection's loss is one over
        boxes of objects, and inputs of a part with few then count more. So it is with a batch shared by devices.
    compile : bool
        Train through ``torch.compile``; where that fails, train without, and say so in the record.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    epochs: float = Field(default=1, ge=0)
    cycles: Annotated[int, Field(ge=1)] | Literal["method"] = 1
    batch_size: int = Field(default=128, gt=0)
    optimizer: str = "sgd"
    lr: float = Field(default=0.05, gt=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    weight_decay: float = Field(default=5e-4, ge=0)
    decay_all: bool = False
    schedule: Literal["cosine", "step", "constant"] = "cosine"
    milestones: tuple[float, ...] = ()
    decay_rate: float = Field(default=0.1, gt=0, le=1)
    warmup_epochs: float = Field(default=0, ge=0)
    clip_grad: float | None = Field(default=None, gt=0)
    precision: Literal["no", "bf16", "fp16"] = "no"
    channels_last: bool = True
    distill: Distill | None = None
    ema: Average | None = None
    accumulate: int = Field(default=1, ge=1)
    compile: bool = False

    @model_validator(mode="before")
    @classmethod
    def _from_its_base(cls, value: Any) -> Any:
        return resolve_base(value)

    @model_validator(mode="after")
    def _fields_go_together(self) -> Recipe:
        if (self.schedule == "step") != bool(self.milestones):
            raise ValueError("milestones (epochs) go with schedule 'step', which needs at least one")
        if list(self.milestones) != sorted(set(self.milestones)) or any(epoch <= 0 for epoch in self.milestones):
            raise ValueError(f"milestones must be positive and ascending, not {list(self.milestones)}")
        if self.accumulate > self.batch_size:
            raise ValueError(f"accumulate ({self.accumulate}) is more than batch_size ({self.batch_size})")
        if self.warmup_epochs > self.epochs:
            raise ValueError(f"warmup_epochs ({self.warmup_epochs:g}) is more than epochs ({self.epochs:g})")
        return self

    @property
    def total_epochs(self) -> float:
        """Epochs of all cycles together."""
        return self.epochs * self.cycle_count

    @property
    def cycle_count(self) -> int:
        """How many cycles there are; ``"method"`` with no method named is one."""
        return 1 if self.cycles == "method" else self.cycles

    def with_cycles_of(self, training_cycles: int) -> Recipe:
        """Return the recipe for a method that is trained for so many cycles, if the recipe leaves it to the method."""
        return self.model_copy(update={"cycles": training_cycles}) if self.cycles == "method" else self

    def cycle_steps(self, steps_per_epoch: int) -> int:
        """Steps of one cycle; at least one where ``epochs`` is not 0."""
        return max(1, round(self.epochs * steps_per_epoch)) if self.epochs else 0

    def total_steps(self, steps_per_epoch: int) -> int:
        """Steps the whole training takes, all cycles."""
        return self.cycle_count * self.cycle_steps(steps_per_epoch)


def resolve_base(value: Any) -> Any:
    """Return a recipe as a file has it, the named recipe that it builds on filled in.

    Parameters
    ----------
    value
        Fields; or a packaged recipe's name; or ``{"base": NAME, ...}``, that recipe with fields changed. Anything else
        is returned as it is.

    Raises
    ------
    SuiteError
        No recipe has that name.
    """
    if isinstance(value, str):
        value = {"base": value}
    if not isinstance(value, dict) or "base" not in value:
        return value
    changes = {key: changed for key, changed in value.items() if key != "base"}
    base = Recipe.model_validate(recipe_content(str(value["base"]))["recipe"])
    return change_fields(base.model_dump(), changes)


def change_fields(fields: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return a recipe's fields with some changed.

    Another number of ``epochs`` stretches the schedule with it: milestones and warm-up stay where they were as parts of
    the whole, unless they are changed, too. Milestones go with the schedule that has them. A change of ``base`` leaves
    nothing of the old fields.
    """
    if "base" in changes:
        return dict(changes)
    result = fields | changes
    if fields.get("milestones") and "milestones" not in changes and changes.get("schedule", "step") != "step":
        result["milestones"] = ()
        return result
    if fields.get("epochs") and _is_number(changes.get("epochs")):
        scale = changes["epochs"] / fields["epochs"]
        if fields.get("milestones") and "milestones" not in changes and changes["epochs"] > 0:
            result["milestones"] = [scale * epoch for epoch in fields["milestones"]]
        if fields.get("warmup_epochs") and "warmup_epochs" not in changes:
            result["warmup_epochs"] = scale * fields["warmup_epochs"]
    return result


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
