"""AlphaTrainer: alternation, held-out rows, resuming, accumulation, mixed precision, the paper's choices."""

from __future__ import annotations

import copy
import math
import re

import pytest
import torch
from peft import LoraConfig, get_peft_model
from tiny_transformers import ROBERTA, tokens
from transformers import Trainer, TrainerCallback, TrainingArguments

from rmt_alpha.lora import AlphaLoraConfig, AlphaTrainer, alphas
from rmt_alpha.lora.held_out import shared_rows

datasets = pytest.importorskip("datasets")


def rows(n=40, seed=1):
    ids = tokens(n, seed)
    return datasets.Dataset.from_dict({"input_ids": ids.tolist(), "labels": (ids.sum(1) % 2).tolist()})


def adapter(dtype=torch.float32, **options):
    config = AlphaLoraConfig(
        r=2, target_modules=["query", "value"], task_type="SEQ_CLS", lora_dropout=0.1, **options
    )
    torch.manual_seed(7)
    return get_peft_model(ROBERTA.build(dtype=dtype), config)


def arguments(folder, **options):
    defaults = {
        "per_device_train_batch_size": 4, "max_steps": 9, "learning_rate": 1e-2, "logging_steps": 1,
        "report_to": [], "disable_tqdm": True, "use_cpu": True, "save_strategy": "no", "seed": 3,
    }  # fmt: skip
    return TrainingArguments(output_dir=str(folder), **{**defaults, **options})


def trainer(
    folder,
    model=None,
    train_dataset=None,
    callbacks=None,
    optimizers=(None, None),
    eval_dataset=None,
    **options,
):
    ours = {name: options.pop(name) for name in list(options) if name.startswith(("alpha_", "paper"))}
    ours = {"alpha_every": 3, "alpha_learning_rate": 5e-2, **ours}
    return AlphaTrainer(
        adapter() if model is None else model,
        arguments(folder, **options),
        train_dataset=rows() if train_dataset is None else train_dataset,
        callbacks=callbacks,
        optimizers=optimizers,
        eval_dataset=eval_dataset,
        **ours,
    )


def trained(model):
    return {
        n: p.detach().clone() for n, p in model.named_parameters() if "lora_" in n or "modules_to_save" in n
    }


class Watch(TrainerCallback):
    """What moved in each step: until after the adapter's own update, and then until the end of the step.

    It is told before alpha's callback, which was added later.
    """

    def __init__(self):
        self.moves, self.batches = [], []
        self.last: dict[str, torch.Tensor] = {}

    def _note(self, model, kind):
        now = trained(model)
        if kind != "begin":
            changed = {
                "alpha" if "rescale" in n else "adapter"
                for n, p in now.items()
                if not torch.equal(p, self.last[n])
            }
            self.moves.append((kind, changed))
        self.last = now

    def on_train_begin(self, args, state, control, model, **kwargs):
        self._note(model, "begin")

    def on_optimizer_step(self, args, state, control, model, **kwargs):
        self._note(model, "adapter's step")

    def on_step_end(self, args, state, control, model, **kwargs):
        self._note(model, "then")


def test_adapter_and_alpha_alternate(tmp_path):
    watch = Watch()
    run = trainer(tmp_path, callbacks=[watch])
    run.train()
    own = [changed for kind, changed in watch.moves if kind == "adapter's step"]
    assert own == [{"adapter"}] * 9
    then = [changed for kind, changed in watch.moves if kind == "then"]
    assert then == [{"alpha"} if step % 3 == 0 else set() for step in range(1, 10)]


def test_they_alternate_even_if_alpha_is_made_trainable_in_between(tmp_path):
    class Meddling(TrainerCallback):
        def on_step_begin(self, args, state, control, model, **kwargs):
            model.set_adapter(
                "default"
            )  # PEFT: everything of the adapter is trainable; disable_adapter() ends so

    watch = Watch()
    run = trainer(tmp_path, callbacks=[Meddling(), watch], gradient_accumulation_steps=2)
    run.train()
    assert [changed for kind, changed in watch.moves if kind == "adapter's step"] == [{"adapter"}] * 9


def test_the_adapter_never_sees_alphas_rows(tmp_path):
    whole = rows()
    run = trainer(tmp_path, train_dataset=whole, alpha_split=0.25)
    assert (len(run.train_dataset), len(run.alpha_dataset)) == (30, 10)
    assert shared_rows(run.train_dataset, run.alpha_dataset) == 0
    assert shared_rows(whole, run.alpha_dataset) == 10
    seen: dict[str, set] = {"adapter": set(), "alpha": set()}
    step, held_out = run.training_step, run._held_out_loss
    run.training_step = lambda model, inputs, *rest: (
        seen["adapter"].update(map(tuple, inputs["input_ids"].tolist())),
        step(model, inputs, *rest),
    )[1]

    def noting(numbers):
        seen["alpha"].update(tuple(run.alpha_dataset[n]["input_ids"]) for n in numbers)
        return held_out(numbers)

    run._held_out_loss = noting
    run.args.max_steps = 30
    run.train()
    assert seen["adapter"] == {tuple(row["input_ids"]) for row in run.train_dataset}
    assert seen["alpha"] == {tuple(row["input_ids"]) for row in run.alpha_dataset}
    assert not seen["adapter"] & seen["alpha"]


@pytest.mark.parametrize("paper", [False, True])
@pytest.mark.parametrize("stop", [5, 6])
def test_resuming_is_bit_identical(tmp_path, paper, stop):
    # Stopped right after alpha's step and between two of them; dropout makes the random state matter.
    options = {
        "max_steps": 11, "save_strategy": "steps", "save_steps": stop, "paper_mode": paper,
        "gradient_accumulation_steps": 2,
    }  # fmt: skip
    through = trainer(tmp_path, adapter(scale_bias=True), **options)
    through.train()
    again = trainer(tmp_path, adapter(scale_bias=True), **options)
    again.train(resume_from_checkpoint=str(tmp_path / f"checkpoint-{stop}"))
    first, second = trained(through.model), trained(again.model)
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    assert any(float(alpha.std()) > 0 for alpha in alphas(through.model).values())
    logs = [
        [e for e in run.state.log_history if "alpha_loss" in e and e["step"] > stop]
        for run in (through, again)
    ]
    assert [(e["loss"], e["alpha_loss"], e["alpha_std"]) for e in logs[0]] == [
        (e["loss"], e["alpha_loss"], e["alpha_std"]) for e in logs[1]
    ]


def test_accumulated_steps_are_large_steps(tmp_path):
    # Without dropout, 2 x 2 rows are 4 rows, for the adapter and for alpha.
    results = []
    for size, parts in ((4, 1), (2, 2)):
        model = adapter(dtype=torch.float64)
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        run = trainer(
            tmp_path, model, per_device_train_batch_size=size, gradient_accumulation_steps=parts, optim="sgd",
            max_steps=3, alpha_every=1,
        )  # fmt: skip
        run.train()
        results.append(trained(run.model))
    for name, value in results[0].items():
        # alpha is float32 and moves the others; AdamW would magnify the rounding.
        torch.testing.assert_close(value, results[1][name], atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("form", ["autocast", "bfloat16 model"])
def test_bfloat16(tmp_path, form):
    model = adapter()
    if form == "bfloat16 model":
        config = AlphaLoraConfig(r=2, target_modules=["query", "value"], task_type="SEQ_CLS")
        model = get_peft_model(ROBERTA.build(dtype=torch.bfloat16), config)
    run = trainer(tmp_path, model, bf16=form == "autocast")
    run.train()
    values = torch.cat(list(alphas(run.model).values()))
    assert values.dtype == torch.float32
    assert bool(torch.isfinite(values).all())
    assert float(values.std()) > 0
    entries = [entry for entry in run.state.log_history if "alpha_loss" in entry]
    assert all(math.isfinite(entry["alpha_loss"]) for entry in entries)


def test_log_tells_of_alpha(tmp_path):
    run = trainer(tmp_path)
    run.train()
    entries = [entry for entry in run.state.log_history if "loss" in entry]
    assert len(entries) == 9
    assert [entry["step"] for entry in entries if "alpha_loss" in entry] == [3, 6, 9]
    values = torch.cat(list(alphas(run.model).values()))
    last = entries[-1]
    assert last["alpha_mean"] == pytest.approx(values.mean().item())
    assert last["alpha_std"] == pytest.approx(values.std(correction=0).item())
    assert (last["alpha_min"], last["alpha_max"]) == (values.min().item(), values.max().item())
    assert entries[0]["alpha_std"] == 0
    rates = [entry["alpha_learning_rate"] for entry in entries]
    assert rates == pytest.approx(
        [5e-2 * (10 - step) / 9 for step in range(1, 10)]
    )  # linear, as the adapter's


def test_the_logged_loss_is_that_of_the_held_out_rows(tmp_path):
    # Nothing moves but by 1e-12, and B = 0 keeps dropout without effect: the loss is that of the base model.
    run = trainer(
        tmp_path, alpha_split=4, alpha_every=1, alpha_learning_rate=1e-12, learning_rate=1e-12, max_steps=2
    )
    ids = torch.tensor(run.alpha_dataset["input_ids"])
    expected = run.model(ids, labels=torch.tensor(run.alpha_dataset["labels"])).loss.item()
    run.train()
    losses = [entry["alpha_loss"] for entry in run.state.log_history if "alpha_loss" in entry]
    assert losses == pytest.approx([expected] * 2, rel=1e-5)


def test_afterwards_alpha_is_an_ordinary_parameter(tmp_path):
    run = trainer(tmp_path)

    class Stop(TrainerCallback):
        def on_step_end(self, *args, **kwargs):
            raise KeyboardInterrupt

    run.add_callback(Stop())
    with pytest.raises(KeyboardInterrupt):
        run.train()
    assert {p.requires_grad for n, p in run.model.named_parameters() if "rescale" in n} == {True}


def test_training_goes_on_where_it_ended(tmp_path):
    run = trainer(tmp_path)
    run.train()
    once = trained(run.model)
    run.train()
    assert any(not torch.equal(value, once[n]) for n, value in trained(run.model).items() if "rescale" in n)


def test_with_a_frozen_pace_it_is_lora(tmp_path):
    # alpha never moves (T beyond the end): bit for bit what Trainer does with a plain LoRA adapter.
    model = adapter()
    theirs = get_peft_model(
        ROBERTA.build(),
        LoraConfig(r=2, target_modules=["query", "value"], task_type="SEQ_CLS", lora_dropout=0.1),
    )
    theirs.load_state_dict({k: v for k, v in model.state_dict().items() if "rescale" not in k})
    ours = trainer(tmp_path, model, alpha_every=1000)  # which sets the seed
    with pytest.warns(UserWarning, match="alpha stays what it is: alpha_every=1000 steps never pass"):
        ours.train()
    reference = Trainer(theirs, arguments(tmp_path), train_dataset=ours.train_dataset)
    reference.train()
    for name, value in trained(reference.model).items():
        assert torch.equal(trained(ours.model)[name], value), name


def test_alpha_dataset_of_ones_own(tmp_path):
    held_out = rows(6, seed=9)
    run = trainer(tmp_path, alpha_dataset=held_out, max_steps=3)
    assert len(run.train_dataset) == 40
    run.train()
    assert float(torch.cat(list(alphas(run.model).values())).std()) > 0


class Stream(torch.utils.data.IterableDataset):
    def __iter__(self):
        return iter(rows())


def test_the_adapter_may_train_on_a_stream(tmp_path):
    run = trainer(tmp_path, train_dataset=Stream(), alpha_dataset=rows(6, seed=9))
    run.train()
    assert float(torch.cat(list(alphas(run.model).values())).std()) > 0
    run = trainer(
        tmp_path, adapter(scale_bias=True), Stream(), paper_mode=True, alpha_dataset=rows(6, seed=9)
    )
    with pytest.raises(ValueError, match="counts steps within epochs"):
        run.train()


def test_lists_and_collators_work_too(tmp_path):
    listed = [{"input_ids": torch.tensor(row["input_ids"]), "labels": row["labels"]} for row in rows()]
    run = trainer(tmp_path, train_dataset=listed, max_steps=3, alpha_split=5)
    assert (len(run.train_dataset), len(run.alpha_dataset)) == (35, 5)
    run.train()


def test_paper_mode_does_what_the_reference_code_does(tmp_path):
    watch = Watch()
    whole = rows(24)
    run = trainer(
        tmp_path,
        adapter(scale_bias=True),
        whole,
        [watch],
        paper_mode=True,
        alpha_every=4,
        max_steps=18,
        logging_steps=6,
    )
    assert run.train_dataset is run.alpha_dataset is whole  # nothing is held out
    run.train()
    then = [changed for kind, changed in watch.moves if kind == "then"]
    # Six steps an epoch: alpha moves after the first and the fifth of each.
    assert [step for step, changed in enumerate(then, 1) if changed] == [1, 5, 7, 11, 13, 17]
    rates = [
        entry["alpha_learning_rate"] for entry in run.state.log_history if "alpha_learning_rate" in entry
    ]
    assert rates == [5e-2] * 3  # constant
    groups = run.optimizer.param_groups
    assert [tuple(group["betas"]) for group in groups] == [(0.9, 0.99)] * (len(groups) - 1) + [(0.9, 0.999)]
    assert groups[-1]["weight_decay"] == 0


def test_best_checkpoint_can_be_loaded_at_the_end(tmp_path):
    run = trainer(
        tmp_path, max_steps=6, save_strategy="steps", save_steps=3, eval_strategy="steps", eval_steps=3,
        load_best_model_at_end=True, metric_for_best_model="loss", eval_dataset=rows(8, seed=5),
    )  # fmt: skip
    run.train()
    assert float(torch.cat(list(alphas(run.model).values())).std()) > 0


def test_training_recovers_the_scale_of_a_damped_source(tmp_path):
    # The base model is the teacher with one block's values halved; alpha = 2 there undoes it.
    teacher = ROBERTA.build()
    base = copy.deepcopy(teacher)
    value = base.roberta.encoder.layer[0].attention.self.value
    value.weight.data *= 0.5
    torch.manual_seed(0)
    config = AlphaLoraConfig(
        r=1, target_modules=r".*layer\.0\.attention\.self\.value", alpha_per="layer", init_lora_weights=True
    )
    model = get_peft_model(base, config)
    ids = tokens(400)
    with torch.no_grad():
        scores = teacher(ids).logits
    data = datasets.Dataset.from_dict({"input_ids": ids.tolist(), "labels": scores.tolist()})

    class Distilled(AlphaTrainer):
        def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
            loss = (model(inputs["input_ids"]).logits - inputs["labels"]).square().mean()
            return (loss, None) if return_outputs else loss

    run = Distilled(
        model,
        arguments(
            tmp_path, learning_rate=0.0, per_device_train_batch_size=32, max_steps=200, logging_steps=50,
            lr_scheduler_type="linear",
        ),
        train_dataset=data,
        alpha_every=1,
        alpha_learning_rate=5e-2,
        alpha_split=0.5,
    )  # fmt: skip
    run.train()
    (found,) = alphas(run.model).values()
    assert found.item() == pytest.approx(2.0, abs=0.02)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha_every": 0}, "alpha_every must be an integer of at least 1, got 0"),
        ({"alpha_every": -3}, "alpha_every must be an integer of at least 1"),
        ({"alpha_learning_rate": 0.0}, "alpha_learning_rate must be positive and finite"),
        ({"alpha_learning_rate": math.inf}, "alpha_learning_rate must be positive and finite"),
        ({"alpha_weight_decay": -0.1}, "alpha_weight_decay must be non-negative"),
        ({"alpha_split": 1.0}, "strictly between 0 and 1"),
        ({"alpha_dataset": rows(4).select([])}, "alpha_dataset is empty"),
        ({"paper_mode": True}, r"AlphaLoraConfig\(scale_bias=True\)"),
        ({"model": {"train_alpha": False}}, "no active adapter has a trainable alpha"),
        ({"optimizers": (torch.optim.SGD([torch.zeros(1)]), None)}, "makes its own optimizer"),
    ],
    ids=[
        "zero",
        "negative",
        "no rate",
        "endless rate",
        "decay",
        "split",
        "empty",
        "paper",
        "frozen",
        "optimizer",
    ],
)
def test_bad_input(tmp_path, options, message):
    if "model" in options:
        options = {"model": adapter(**options["model"])}
    with pytest.raises(ValueError, match=message):
        trainer(tmp_path, **options)


def test_rows_in_both_sets_are_refused(tmp_path):
    whole = rows()
    with pytest.raises(ValueError, match="3 of the 5 rows of alpha_dataset are rows of train_dataset too"):
        trainer(tmp_path, train_dataset=whole.select(range(20)), alpha_dataset=whole.select(range(17, 22)))
    with pytest.raises(ValueError, match="has no alpha"):
        trainer(tmp_path, model=ROBERTA.build())


def test_no_data_at_all(tmp_path):
    run = AlphaTrainer(adapter(), arguments(tmp_path), alpha_every=3)  # to evaluate, say
    with pytest.raises(ValueError, match="train_dataset"):
        run.train()


@pytest.mark.parametrize("lost", ["optimizer.pt", "scheduler.pt", "rng_state.pth"])
def test_a_checkpoint_without_its_states_says_that_the_run_will_differ(tmp_path, lost):
    options = {"max_steps": 4, "save_strategy": "steps", "save_steps": 2}
    trainer(tmp_path, adapter(), **options).train()
    (tmp_path / "checkpoint-2" / lost).unlink()
    with pytest.warns(UserWarning, match=rf"lacks {re.escape(lost)}: the resumed run will differ"):
        trainer(tmp_path, adapter(), **options).train(resume_from_checkpoint=str(tmp_path / "checkpoint-2"))
