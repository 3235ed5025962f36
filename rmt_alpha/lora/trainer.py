"""`AlphaTrainer`: transformers' Trainer with alpha's steps on held-out rows in between."""

from __future__ import annotations

import logging
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import IterableDataset
from transformers import Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_utils import TrainOutput

from rmt_alpha.lora.alphas import count_parameters, trainable_alphas
from rmt_alpha.lora.held_out import RowDataset, divide
from rmt_alpha.lora.layers import AlphaLayer
from rmt_alpha.lora.schedule import AlphaSchedule, check_count, stop_gradients
from rmt_alpha.lora.wanted import AlphaAlignment, alpha_alignment

logger = logging.getLogger(__name__)

PAPER_BETAS = (0.9, 0.99)
"""AdamW's betas for the adapter in the reference code; alpha has the usual (0.9, 0.999)."""


class AlphaTrainer(Trainer):
    r"""Train an alpha-LoRA adapter: A and B on training batches, alpha on rows that they never see.

    After every ``alpha_every``-th optimizer step, alpha takes one step of its own, on as many held-out rows
    as a training step uses, with the gradients of everything else switched off.  In between, alpha is
    constant and costs nothing.  All else is `transformers.Trainer`: gradient accumulation, mixed precision,
    several processes, evaluation, checkpoints; a resumed run continues bit for bit.

    Parameters
    ----------
    model, args, train_dataset, ...
        As for `transformers.Trainer`.  The model carries an `AlphaLoraConfig` adapter whose alpha is
        trainable.
    alpha_every : int
        T, at least 1.
    alpha_learning_rate : float
        Learning rate of alpha, positive; it follows the scheduler of ``args``.
    alpha_weight_decay : float
        Decay of alpha towards 1, non-negative.
    alpha_dataset : dataset or None
        Rows for alpha, with ``len`` and row numbers, in the form of ``train_dataset``.  None: they are taken
        out of ``train_dataset``.
    alpha_split : float, int or None
        Share (float) or number (int) of the training rows to take out, by default a tenth; drawn with
        ``args.data_seed`` (or ``args.seed``).
    paper_mode : bool
        Reproduce the reference code: alpha's batches are drawn from the full training set (nothing is held
        out), alpha moves after the first step of each epoch and every T-th from there, its learning rate is
        constant, and the adapter's AdamW has betas (0.9, 0.99).  It needs an adapter with
        ``scale_bias=True``, as that code scales the bias.

    Attributes
    ----------
    alpha_dataset : dataset
        What alpha learns from.
    train_dataset : dataset
        What the adapter learns from, without alpha's rows.

    Raises
    ------
    ValueError
        Numbers out of range; an empty ``alpha_dataset``; one that shares rows with ``train_dataset``; no
        trainable alpha; DeepSpeed or FSDP, which scatter the parameters that alpha's step needs.

    Notes
    -----
    The log carries ``alpha_mean``, ``alpha_std``, ``alpha_min``, ``alpha_max``, ``alpha_learning_rate`` and
    ``alpha_loss``, the mean held-out loss before alpha's steps since the last log, if there were any.
    """

    train_dataset: RowDataset | IterableDataset | None
    alpha_dataset: RowDataset | None

    def __init__(
        self,
        model: nn.Module | None = None,
        args: TrainingArguments | None = None,
        *positional: object,
        alpha_every: int = 10,
        alpha_learning_rate: float = 5e-3,
        alpha_weight_decay: float = 0.0,
        alpha_dataset: RowDataset | None = None,
        alpha_split: float | None = None,
        paper_mode: bool = False,
        **options: object,
    ) -> None:
        self.alpha_every = check_count("alpha_every", alpha_every)
        self.alpha_learning_rate = _checked("alpha_learning_rate", alpha_learning_rate, positive=True)
        self.alpha_weight_decay = _checked("alpha_weight_decay", alpha_weight_decay, positive=False)
        self.paper_mode = paper_mode
        self.alpha_losses: list[float] = []  # since the last log
        self.alpha_rate = self.alpha_learning_rate  # now, as the scheduler has it
        self.schedule: AlphaSchedule | None = None
        self.held_out: tuple[Any, Any]  # rows as the model takes them, and what makes a batch of them
        super().__init__(model, args, *positional, **options)
        if self.is_deepspeed_enabled or self.is_fsdp_enabled:
            raise ValueError(
                "AlphaTrainer does not support DeepSpeed or FSDP, which scatter the parameters that alpha's "
                "own step needs whole; use DistributedDataParallel (torchrun), or a loop of your own with "
                "AlphaSchedule"
            )
        if self.optimizer is not None:
            raise ValueError(
                "AlphaTrainer makes its own optimizer, with alpha as a group; instead of optimizers=, pass "
                "optimizer_cls_and_kwargs= or args.optim"
            )
        trainable_alphas(self.model)  # or an error now, not after the data have been prepared
        if paper_mode and not _scales_bias(self.model):
            raise ValueError(
                "paper_mode=True reproduces the reference code, which rescales the bias with the weight: "
                "make the adapter with AlphaLoraConfig(scale_bias=True)"
            )
        self.train_dataset, self.alpha_dataset = divide(
            self.train_dataset,
            alpha_dataset,
            alpha_split,
            self.args.seed if self.args.data_seed is None else self.args.data_seed,
            paper_mode,
        )
        self.add_callback(_AlphaSteps(self))

    def create_optimizer(self, *args: object, **kwargs: object) -> torch.optim.Optimizer:
        """One optimizer; alpha is its last group, with its own rate, and moves only in `alpha_step`."""
        alphas = trainable_alphas(self.model)
        stop_gradients(
            alphas
        )  # so that no other group takes it up, and DistributedDataParallel does not wait for it
        if self.optimizer is None:
            optimizer = super().create_optimizer(*args, **kwargs)
            if self.paper_mode and "betas" in optimizer.defaults:
                for group in optimizer.param_groups:
                    group["betas"] = PAPER_BETAS
            optimizer.add_param_group(
                {"params": alphas, "lr": self.alpha_learning_rate, "weight_decay": self.alpha_weight_decay}
            )
        return self.optimizer

    def create_scheduler(self, *args: object, **kwargs: object) -> LRScheduler:
        """The scheduler of ``args``; in paper mode it leaves alpha's rate alone."""
        fresh = self.lr_scheduler is None
        scheduler = super().create_scheduler(*args, **kwargs)
        if fresh and self.paper_mode:
            if not hasattr(scheduler, "lr_lambdas"):
                raise ValueError(
                    "paper_mode=True keeps alpha's learning rate constant, which "
                    f"lr_scheduler_type={self.args.lr_scheduler_type!r} cannot do; use 'linear', as the "
                    "reference code does"
                )
            scheduler.lr_lambdas[-1] = _constant
            scheduler.optimizer.param_groups[-1]["lr"] = self.alpha_learning_rate
        return scheduler

    def train(self, *args: object, **kwargs: object) -> TrainOutput:
        """Train; afterwards, or after an interruption, alpha is an ordinary trainable parameter again."""
        if self.train_dataset is not None and self.alpha_dataset is None:
            raise ValueError(
                "alpha has no rows to learn from: pass train_dataset to AlphaTrainer, or alpha_dataset"
            )
        logger.info("%s", count_parameters(self.model))
        try:
            output: TrainOutput = super().train(*args, **kwargs)
        finally:
            if self.schedule is not None:
                self.schedule.release()
        logger.info("%s", self.alpha_alignment().summary())
        return output

    def alpha_alignment(self, tuned: Any = None) -> AlphaAlignment:
        """How far alpha moved and how far fine-tuning would want it to; see `rmt_alpha.lora.alpha_alignment`.

        `train` logs its summary, about the adapter as a whole; with ``tuned``, a model fine-tuned in full, it
        is about that.
        """
        return alpha_alignment(self.model, tuned)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is None or not Path(checkpoint).is_dir():
            return
        process = f"_{self.args.process_index}" if self.args.world_size > 1 else ""
        needed = ["optimizer.pt", "scheduler.pt", f"rng_state{process}.pth"]
        if missing := [name for name in needed if not Path(checkpoint, name).is_file()]:
            warnings.warn(
                f"{checkpoint} lacks {', '.join(missing)}: the resumed run will differ from one that was "
                "never stopped (moments of AdamW, learning rates, dropout); save checkpoints with "
                "save_only_model=False",
                UserWarning,
                stacklevel=2,
            )

    def training_step(self, *args: object, **kwargs: object) -> torch.Tensor:
        """One backward of the adapter's loss, which says nothing to alpha."""
        loss = super().training_step(*args, **kwargs)
        if self.schedule is not None:
            self.schedule.drop_alpha_gradients()
        return loss

    def alpha_step(self) -> None:
        """Alpha's step on its next batch, if one is due after the adapter's step just taken."""
        assert self.schedule is not None
        self.alpha_rate = self.optimizer.param_groups[-1]["lr"]
        scaler = getattr(self.accelerator, "scaler", None)
        self.model.train()
        loss = self.schedule.update_alpha(
            getattr(self.optimizer, "optimizer", self.optimizer),
            self.state.global_step + 1,  # the trainer counts the step when all of it is over
            self._held_out_loss,
            micro_batches=self.args.gradient_accumulation_steps,
            loss_scale=scaler.get_scale() if scaler is not None else 1.0,
        )
        if loss is not None:
            self.alpha_losses.append(loss)

    def log(self, logs: dict[str, float], *args: object, **kwargs: object) -> None:
        """Add what is known of alpha to the training log."""
        if "loss" in logs and self.schedule is not None:
            values = torch.cat([1.0 + alpha.detach().flatten() for alpha in self.schedule.alphas])
            logs["alpha_mean"] = values.mean().item()
            logs["alpha_std"] = values.std(correction=0).item()
            logs["alpha_min"], logs["alpha_max"] = (v.item() for v in values.aminmax())
            logs["alpha_learning_rate"] = self.alpha_rate
            if self.alpha_losses:
                logs["alpha_loss"] = float(np.mean(self.alpha_losses))
                self.alpha_losses.clear()
        super().log(logs, *args, **kwargs)

    def _held_out_loss(self, rows: list[int]) -> torch.Tensor:
        dataset, collate = self.held_out
        inputs = self._prepare_inputs(collate([dataset[row] for row in rows]))
        with self.compute_loss_context_manager():
            # self.model, not its wrapper: DistributedDataParallel would wait for gradients that are switched
            # off.
            return self.compute_loss(self.model, inputs)

    def _start_schedule(self) -> None:
        assert self.alpha_dataset is not None  # `train` has seen to that
        if self.state.max_steps < self.alpha_every and not self.paper_mode:
            warnings.warn(
                f"alpha stays what it is: alpha_every={self.alpha_every} steps never pass in this training "
                f"of {self.state.max_steps}; choose a smaller alpha_every, or train longer",
                UserWarning,
                stacklevel=2,
            )
        dataset, collate = self.alpha_dataset, self.data_collator
        if hasattr(dataset, "column_names"):
            dataset = self._remove_unused_columns(dataset, description="training")
        else:
            collate = self._get_collator_with_removed_columns(collate, description="training")
        self.held_out = dataset, collate
        self.schedule = AlphaSchedule(
            self.model,
            len(dataset),
            every=self.alpha_every,
            batch_size=self.args.per_device_train_batch_size * self.args.gradient_accumulation_steps,
            seed=self.args.seed if self.args.data_seed is None else self.args.data_seed,
            paper_steps_per_epoch=self._steps_per_epoch() if self.paper_mode else None,
            rank=self.accelerator.process_index,
            world_size=self.accelerator.num_processes,
        )

    def _steps_per_epoch(self) -> int:
        try:
            batches: int = len(self.callback_handler.train_dataloader)
        except TypeError:
            raise ValueError(
                "paper_mode=True counts steps within epochs, which a stream does not have: pass a "
                "train_dataset with len()"
            ) from None
        accumulated: int = self.args.gradient_accumulation_steps
        return math.ceil(batches / accumulated)


class _AlphaSteps(TrainerCallback):
    """Calls the trainer at the two moments that it has no method for.

    Alpha's step comes before the trainer moves the learning rates on, logs, evaluates and saves: a checkpoint
    holds its outcome, and the state of the random numbers (dropout) after it.
    """

    def __init__(self, trainer: AlphaTrainer) -> None:
        self.trainer = trainer

    def on_train_begin(self, *args: object, **kwargs: object) -> None:
        self.trainer._start_schedule()

    def on_optimizer_step(self, *args: object, **kwargs: object) -> None:
        self.trainer.alpha_step()


def _constant(step: int) -> float:
    return 1.0


def _checked(name: str, value: Any, positive: bool) -> float:
    number = (
        isinstance(value, int | float | np.floating) and not isinstance(value, bool) and math.isfinite(value)
    )
    if not number or value < 0 or (positive and value == 0):
        raise ValueError(
            f"{name} must be {'positive' if positive else 'non-negative'} and finite, got {value!r}"
        )
    return float(value)


def _scales_bias(model: nn.Module) -> bool:
    layers = [module for module in model.modules() if isinstance(module, AlphaLayer)]
    return all(layer.scale_bias.get(name, True) for layer in layers for name in layer.active_adapters)
