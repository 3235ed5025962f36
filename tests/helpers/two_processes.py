"""One of the two processes of tests/lora/test_distributed.py: train, and write down what came out.

Run as: two_processes.py RANK WORLD FOLDER PORT PORT.
"""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

import torch
from torch.nn.parallel import DistributedDataParallel


def schedule(rank: int, world: int) -> dict[str, torch.Tensor]:
    """A plain loop under DistributedDataParallel; every process has its half of each batch."""
    from peft import get_peft_model

    from rmt_alpha.lora import AlphaLoraConfig, AlphaSchedule

    torch.manual_seed(0)
    x, y = torch.randn(40, 6, dtype=torch.float64), torch.randn(40, 3, dtype=torch.float64)
    net = torch.nn.Sequential(torch.nn.Linear(6, 4), torch.nn.Tanh(), torch.nn.Linear(4, 3)).double()
    model = get_peft_model(net, AlphaLoraConfig(r=2, target_modules=["0", "2"]))
    plan = AlphaSchedule(model, 10, every=2, batch_size=8 // world, seed=1, rank=rank, world_size=world)
    wrapped = DistributedDataParallel(model) if world > 1 else model
    optimizer = torch.optim.SGD(plan.parameter_groups(lr=0.05, alpha_lr=0.2))

    def loss(net, rows):
        return (net(x[rows]) - y[rows]).square().mean()

    for step in range(1, 7):
        batch = torch.arange(10 + step, 26 + step)[rank::world]
        loss(wrapped, batch).backward()
        plan.drop_alpha_gradients()
        optimizer.step()
        optimizer.zero_grad()
        plan.update_alpha(optimizer, step, lambda rows: loss(model, rows))
    return {n: p.detach() for n, p in model.named_parameters() if "lora_" in n}


def trainer(rank: int, world: int, folder: Path) -> dict[str, torch.Tensor]:
    """AlphaTrainer on the processes that torchrun would have started."""
    from peft import get_peft_model
    from tiny_transformers import ROBERTA, tokens
    from transformers import TrainingArguments

    from rmt_alpha.lora import AlphaLoraConfig, AlphaTrainer

    base = ROBERTA.build()
    torch.manual_seed(rank)  # the adapters start differently and are made equal by DistributedDataParallel
    config = AlphaLoraConfig(r=2, target_modules=["query", "value"], task_type="SEQ_CLS")
    model = get_peft_model(base, config)
    data = [{"input_ids": ids, "labels": ids.sum() % 2} for ids in tokens(40)]
    arguments = TrainingArguments(
        output_dir=str(folder / f"out{rank}"), per_device_train_batch_size=2, gradient_accumulation_steps=2,
        max_steps=6, learning_rate=1e-2, use_cpu=True, report_to=[], disable_tqdm=True, save_strategy="no",
        ddp_backend="gloo", seed=5,
    )  # fmt: skip
    run = AlphaTrainer(model, arguments, train_dataset=data, alpha_every=2, alpha_learning_rate=5e-2)
    asked: list[int] = []
    loss = run._held_out_loss
    run._held_out_loss = lambda rows: (asked.extend(rows), loss(rows))[1]  # type: ignore[method-assign]
    run.train()
    result = {n: p.detach() for n, p in run.model.named_parameters() if p.requires_grad}
    return result | {"rows": torch.tensor(asked)}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    rank, world, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    torch.set_num_threads(1)
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(world)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": sys.argv[4], "HF_HUB_OFFLINE": "1"}
    torch.distributed.init_process_group("gloo")
    torch.save(schedule(rank, world), folder / f"schedule-{rank}.pt")
    torch.distributed.destroy_process_group()
    os.environ["MASTER_PORT"] = sys.argv[5]
    torch.save(trainer(rank, world, folder), folder / f"trainer-{rank}.pt")
    torch.distributed.destroy_process_group()
