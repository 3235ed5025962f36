"""The schedule: when alpha moves, on which rows, and that nothing else does."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from peft import get_peft_model
from tiny_transformers import ROBERTA, tokens

from rmt_alpha.lora import AlphaLoraConfig, AlphaSchedule, alphas

SIZES = st.integers(1, 40)


def small(**options):
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(6, 4), torch.nn.Tanh(), torch.nn.Linear(4, 3))
    return get_peft_model(net.double(), AlphaLoraConfig(r=2, target_modules=["0", "2"], **options))


def schedule(n=10, model=None, **options):
    return AlphaSchedule(small() if model is None else model, n, **options)


MODEL = small()  # the schedule's plan does not depend on it


@given(every=SIZES, steps=st.integers(0, 200))
def test_alpha_moves_after_every_t_th_step(every, steps):
    plan = schedule(model=MODEL, every=every)
    assert [s for s in range(1, steps + 1) if plan.due(s)] == list(range(every, steps + 1, every))


@given(every=SIZES, epoch=SIZES, steps=st.integers(0, 200))
def test_paper_schedule_counts_from_zero_in_every_epoch(every, epoch, steps):
    plan = schedule(model=MODEL, every=every, paper_steps_per_epoch=epoch)
    by_loop = [s + 1 for s in range(steps) if (s % epoch) % every == 0]  # as the reference code has it
    assert [s for s in range(1, steps + 1) if plan.due(s)] == by_loop


@given(n=SIZES, batch=SIZES, world=st.integers(1, 4), seed=st.integers(0, 2**32))
def test_rows_of_all_processes_are_those_of_one(n, batch, world, seed):
    if n < world:
        return
    shares = [
        schedule(n, MODEL, every=1, batch_size=batch, seed=seed, rank=rank, world_size=world)
        for rank in range(world)
    ]
    size = min(batch, n // world)
    alone = schedule(n, MODEL, every=1, batch_size=size * world, seed=seed)
    for step in (1, 2, 5, 17):
        rows = [share.rows(step) for share in shares]
        assert {len(part) for part in rows} == {size}
        assert sorted(row for part in rows for row in part) == sorted(alone.rows(step))
        assert len(set(alone.rows(step))) == size * world  # no row twice in a batch


@given(n=SIZES, batch=SIZES)
def test_a_pass_visits_each_row_at_most_once_and_leaves_less_than_a_batch(n, batch):
    plan = schedule(n, MODEL, every=1, batch_size=batch)
    per_pass = n // plan.rows_per_step
    seen = [row for step in range(1, per_pass + 1) for row in plan.rows(step)]
    assert len(seen) == len(set(seen)) > n - plan.rows_per_step
    assert set(seen) <= set(range(n))


def test_batches_depend_on_seed_and_number_alone():
    first, second = schedule(50, batch_size=8, every=3, seed=5), schedule(50, batch_size=8, every=3, seed=5)
    late = second.rows(300)  # asked in another order
    assert [first.rows(step) for step in range(3, 301, 3)][-1] == late
    assert schedule(50, batch_size=8, every=3, seed=6).rows(300) != late
    assert len({tuple(first.rows(step)) for step in range(3, 301, 3)}) == 100


def test_paper_batches_are_drawn_afresh():
    plan = schedule(10, every=1, batch_size=6, paper_steps_per_epoch=100)
    first, second = set(plan.rows(1)), set(plan.rows(2))
    assert len(first) == len(second) == 6
    assert first & second  # two fresh draws of 6 out of 10 must overlap; a pass would not


X, Y = (
    torch.randn(30, size, generator=torch.Generator().manual_seed(4), dtype=torch.float64) for size in (6, 3)
)


def run(model, steps, every=2, drop=True, **options):
    """A plain loop; returns the trained parameters after every step, alpha's moves included."""
    plan = AlphaSchedule(model, 10, every=every, batch_size=5, seed=1, **options)
    optimizer = torch.optim.AdamW(plan.parameter_groups(lr=1e-2, alpha_lr=5e-2, weight_decay=0.01))

    def loss(rows):
        return (model(X[list(rows)]) - Y[list(rows)]).square().mean()

    history = []
    for step in range(1, steps + 1):
        loss(range(10, 30)).backward()
        if drop:
            plan.drop_alpha_gradients()
        optimizer.step()
        optimizer.zero_grad()
        history.append(snapshot(model))
        plan.update_alpha(optimizer, step, loss)
        history.append(snapshot(model))
    return plan, history


def snapshot(model):
    return {n: p.detach().clone() for n, p in model.named_parameters() if "lora_" in n}


def moved(before, after):
    return {"alpha" if "rescale" in n else "adapter" for n in before if not torch.equal(before[n], after[n])}


def test_adapter_and_alpha_move_in_turn_and_never_together():
    model = small()
    start = snapshot(model)
    _, history = run(model, 6)
    changes = [moved(a, b) for a, b in zip([start, *history[:-1]], history, strict=True)]
    assert changes == [{"adapter"}, set(), {"adapter"}, {"alpha"}] * 3


def test_alphas_step_is_the_gradient_of_the_held_out_loss():
    # Plain gradient descent, by hand: what moved is rate times the derivative on the rows of the plan.
    model = small()
    plan = AlphaSchedule(model, 10, every=1, batch_size=4, seed=3)
    optimizer = torch.optim.SGD(plan.parameter_groups(lr=0.0, alpha_lr=0.5))

    def loss(rows):
        return (model(X[rows]) - Y[rows]).square().mean()

    for alpha in plan.alphas:
        alpha.requires_grad_(True)
    expected = torch.autograd.grad(loss(plan.rows(1)), plan.alphas)
    before = [alpha.detach().clone() for alpha in plan.alphas]
    value = plan.update_alpha(optimizer, 1, loss)
    for alpha, old, gradient in zip(plan.alphas, before, expected, strict=True):
        torch.testing.assert_close(alpha.detach(), old - 0.5 * gradient)
    after = plan.update_alpha(optimizer, 2, lambda _: loss(plan.rows(1)))
    assert value is not None
    assert after is not None
    assert after < value  # downhill on the same rows


def squared_error(net, rows):
    return (net(X[rows]) - Y[rows]).square().mean()


def test_in_portions_it_is_the_same_step():
    results = []
    for portions in (1, 3):
        model = small()
        plan = AlphaSchedule(model, 10, every=1, batch_size=10, seed=3)
        optimizer = torch.optim.SGD(plan.parameter_groups(lr=0.0, alpha_lr=0.5))
        value = plan.update_alpha(
            optimizer,
            1,
            partial(squared_error, model),
            micro_batches=portions,
        )
        results.append([*(a.detach() for a in plan.alphas), torch.tensor(value)])
    for one, three in zip(*results, strict=True):
        torch.testing.assert_close(one, three, atol=1e-6, rtol=1e-6)


def test_gradients_that_the_adapter_has_gathered_survive_alphas_step():
    model = small()
    plan = AlphaSchedule(model, 10, every=1, batch_size=5)
    optimizer = torch.optim.AdamW(plan.parameter_groups(lr=1e-2, alpha_lr=1e-2))
    model(X[10:]).square().mean().backward()
    kept = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    before = snapshot(model)
    plan.update_alpha(optimizer, 1, lambda rows: model(X[rows]).square().mean())
    assert moved(before, snapshot(model)) == {"alpha"}
    assert kept
    for name, parameter in model.named_parameters():
        assert (parameter.grad is None) == (name not in kept)
        if name in kept:
            assert torch.equal(parameter.grad, kept[name])


def test_alpha_costs_nothing_between_its_steps():
    model = small()
    plan = AlphaSchedule(model, 10)
    model(X).sum().backward()
    assert all(alpha.grad is None for alpha in plan.alphas)
    plan.release()
    model(X).sum().backward()
    assert all(alpha.grad is not None for alpha in plan.alphas)


def test_without_dropping_a_released_alpha_would_move_with_the_adapter():
    # What drop_alpha_gradients is for, where something else has made alpha trainable in between.
    model = small()
    plan = AlphaSchedule(model, 10, every=100)
    optimizer = torch.optim.AdamW(plan.parameter_groups(lr=1e-2, alpha_lr=1e-2))
    for drop, expected in ((False, {"adapter", "alpha"}), (True, {"adapter"})):
        model.set_adapter("default")  # PEFT: everything of the adapter is trainable
        before = snapshot(model)
        optimizer.zero_grad()
        (model(X) - Y).square().mean().backward()
        if drop:
            plan.drop_alpha_gradients()
        optimizer.step()
        assert moved(before, snapshot(model)) == expected


def mean_square(net, rows):
    return net(X[rows]).square().mean()


def test_a_scaled_loss_gives_the_same_step_and_an_overflow_none():
    results = []
    for scale in (1.0, 1024.0):
        model = small()
        plan = AlphaSchedule(model, 10, every=1, batch_size=10)
        optimizer = torch.optim.SGD(plan.parameter_groups(lr=0.0, alpha_lr=0.5))
        plan.update_alpha(optimizer, 1, partial(mean_square, model), loss_scale=scale)
        results.append([alpha.detach() for alpha in plan.alphas])
    for plain, scaled in zip(*results, strict=True):
        assert torch.equal(plain, scaled)  # by a power of two: exactly
    before = [alpha.detach().clone() for alpha in plan.alphas]
    skipped = plan.update_alpha(
        optimizer, 2, lambda rows: model(X[rows]).square().mean() * 1e300, loss_scale=1024.0
    )
    assert skipped is None
    assert all(torch.equal(a.detach(), b) for a, b in zip(plan.alphas, before, strict=True))


def test_weight_decay_pulls_alpha_to_one():
    model = small(alpha_init=3.0)
    plan = AlphaSchedule(model, 10, every=1, batch_size=5)
    optimizer = torch.optim.AdamW(plan.parameter_groups(lr=1e-2, alpha_lr=0.1, alpha_weight_decay=1.0))
    for step in range(1, 101):
        plan.update_alpha(optimizer, step, lambda rows: 0.0 * model(X[rows]).sum())
    # AdamW multiplies the stored alpha - 1 by 1 - 0.1 each time, and a zero gradient moves nothing.
    for alpha in alphas(model).values():
        torch.testing.assert_close(alpha, torch.full_like(alpha, 1.0 + 2.0 * 0.9**100), atol=1e-6, rtol=0)


def test_a_transformer_in_a_loop_of_ones_own():
    model = get_peft_model(
        ROBERTA.build(), AlphaLoraConfig(r=2, target_modules=["query", "value"], task_type="SEQ_CLS")
    )
    ids, labels = tokens(24), torch.arange(24) % 2
    plan = AlphaSchedule(model, 8, every=2, batch_size=4)
    optimizer = torch.optim.AdamW(plan.parameter_groups(lr=1e-3, alpha_lr=1e-2))

    def loss(rows):
        return model(ids[list(rows)], labels=labels[list(rows)]).loss

    for step in range(1, 5):
        loss(range(8, 24)).backward()
        plan.drop_alpha_gradients()
        optimizer.step()
        optimizer.zero_grad()
        value = plan.update_alpha(optimizer, step, loss)
        assert (value is None) == (step % 2 == 1)
        assert value is None or math.isfinite(value)
    assert any(float((alpha - 1).abs().max()) > 0 for alpha in alphas(model).values())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"every": 0}, "every must be an integer of at least 1, got 0"),
        ({"every": 1.5}, "every must be an integer"),
        ({"every": True}, "every must be an integer"),
        ({"batch_size": 0}, "batch_size must be an integer of at least 1"),
        ({"seed": -1}, "seed must be an integer of at least 0"),
        ({"seed": np.random.default_rng(0)}, "seed must be an integer of at least 0"),
        ({"paper_steps_per_epoch": 0}, "paper_steps_per_epoch must be"),
        ({"n": 0}, "at least one held-out row per process, got 0 rows"),
        ({"n": 2, "world_size": 3}, "got 2 rows for 3 process"),
        ({"model": small(train_alpha=False)}, "no active adapter has a trainable alpha"),
    ],
    ids=["zero", "fraction", "bool", "batch", "seed", "generator", "epoch", "empty", "too few", "frozen"],
)
def test_bad_input(options, message):
    with pytest.raises(ValueError, match=message):
        schedule(**options)


def test_numbers_of_numpy_are_numbers():
    assert schedule(every=np.int64(3)).due(3)


def test_repr_is_one_line():
    plan = schedule(20, MODEL, every=5, batch_size=8, seed=3)
    assert repr(plan) == "AlphaSchedule(7 alphas, every 5 steps, 8 of 20 rows, seed=3)"
    plan = schedule(20, MODEL, batch_size=8, paper_steps_per_epoch=9, rank=1, world_size=2)
    assert repr(plan).endswith("16 of 20 rows, seed=0, paper_steps_per_epoch=9, rank=1, world_size=2)")


def test_models_that_cannot_be_scheduled():
    with pytest.raises(ValueError, match="has no alpha"):
        AlphaSchedule(torch.nn.Linear(2, 2), 10)
    model = small()
    model.merge_adapter()
    with pytest.raises(ValueError, match="merged into the weights"):
        AlphaSchedule(model, 10)
