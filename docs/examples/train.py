"""Trains a classifier for `subsel proxy`: the contract of docs/proxy.md in PyTorch, to be copied and changed.

    subsel proxy --labels y.npy --test-labels ty.npy --proxy small --target large --proxy-epochs 5 --target-epochs 20 \
        --train-cmd 'python train.py x.npy y.npy tx.npy ty.npy --rows {rows} --out {dir} --seed {seed} --model {model} --epochs {epochs}'

x.npy holds features (n, d) or images (n, channels, height, width) as floats; y.npy classes from 0.
"""

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("data", nargs=4, help="x.npy y.npy, and the same of the test rows")
parser.add_argument("--rows", required=True)
parser.add_argument("--out", type=Path, required=True)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--model", choices=["small", "large"], default="small")
parser.add_argument("--epochs", type=int, default=10)
parser.add_argument("--batch", type=int, default=128)
args = parser.parse_args()

torch.manual_seed(args.seed)
device = "cuda" if torch.cuda.is_available() else "cpu"
x, y, test_x, test_y = (np.load(path, mmap_mode="r") for path in args.data)
classes = int(max(y.max(), test_y.max())) + 1
rows = torch.from_numpy(np.load(args.rows))  # learn from these, and from no others


def batch(values, rows):
    return torch.from_numpy(np.array(values[rows])).to(device)


def body(width):
    """Everything but the last layer."""
    if x.ndim == 2:
        return nn.Sequential(nn.Linear(x.shape[1], width), nn.ReLU())
    layers, channels = [], x.shape[1]
    for out in (width // 4, width // 2, width):
        layers += [nn.Conv2d(channels, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU(), nn.MaxPool2d(2)]
        channels = out
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


width = {"small": 32, "large": 256}[args.model]
features, head = body(width).to(device), nn.Linear(width, classes).to(device)
model = nn.Sequential(features, head)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, args.epochs)

# Forgetting events (wanted for `--score forgetting`): right, and then wrong. `subsel.Tracker` counts these and more.
correct, forgotten, ever = np.zeros(len(x), bool), np.zeros(len(x)), np.zeros(len(x), bool)

for epoch in range(args.epochs):
    model.train()
    for part in rows[torch.randperm(len(rows))].split(args.batch):
        part = part.numpy()
        labels = batch(y, part).long()
        logits = model(batch(x, part).float())
        loss = nn.functional.cross_entropy(logits, labels)
        now = (logits.argmax(1) == labels).cpu().numpy()
        forgotten[part] += correct[part] & ~now
        correct[part], ever[part] = now, ever[part] | now
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    schedule.step()
    print(f"epoch {epoch}: loss {loss.item():.4f}", flush=True)


@torch.no_grad()
def tell(values):
    """Features and logits of all rows in their order: eval mode, no augmentation."""
    model.eval()
    told = [features(batch(values, slice(i, i + 1024)).float()) for i in range(0, len(values), 1024)]
    h = torch.cat(told)
    return h.cpu().numpy(), head(h).float().cpu().numpy()


began = time.perf_counter()
wants = os.environ.get("SUBSEL_WANTS", "logits").split(",")
if "logits" in wants or "features" in wants:
    h, logits = tell(x)
    np.save(args.out / "logits.npy", logits)
    if "features" in wants:
        np.save(args.out / "features.npy", h)
seconds = time.perf_counter() - began
if "scores" in wants:
    np.save(args.out / "scores.npy", np.where(ever, forgotten, np.inf))
test_logits = tell(test_x)[1]
np.save(args.out / "test_logits.npy", test_logits)
accuracy = float((test_logits.argmax(1) == test_y).mean())
(args.out / "metrics.json").write_text(
    json.dumps({"test_accuracy": accuracy, "test_rows": len(test_y), "inference_seconds": seconds})
)
print(f"test accuracy {accuracy:.4f}")
