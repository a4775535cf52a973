"""Networks on the processor beside PyTorch: pictures per second of training steps and of features.

    cargo build --release -p subsel-nets --example speed
    python benchmarks/nets.py [--speed target/release/examples/speed] [--threads 2] [--rounds 3] [--seconds 5]

The two take turns, several times; the median of each is printed, with the ratio of the medians, as lines of CSV. Needs
torch and torchvision. Pictures are noise in memory, normalized already: augmentation is not part of it.
"""

import argparse
import os
import statistics
import subprocess
import time

CASES = [
    ("resnet20", "train", 128, 32),
    ("resnet18", "train", 64, 32),
    ("resnet18", "forward", 64, 32),
    ("resnet18-imagenet", "forward", 256, 32),
]


def block(torch, width_in, width, stride):
    """A pre-activation block as Selection via Proxy has it."""
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.bn1, self.bn2 = nn.BatchNorm2d(width_in), nn.BatchNorm2d(width)
            self.conv1 = nn.Conv2d(width_in, width, 3, stride, 1, bias=False)
            self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
            changes = width_in != width or stride != 1
            self.short = nn.Conv2d(width_in, width, 1, stride, bias=False) if changes else None

        def forward(self, x):
            active = torch.relu(self.bn1(x))
            short = x if self.short is None else self.short(active)
            return self.conv2(torch.relu(self.bn2(self.conv1(active)))) + short

    return Block()


def network(torch, name):
    nn = torch.nn
    if name == "resnet20":
        layers, width = [nn.Conv2d(3, 16, 3, 1, 1, bias=False)], 16
        for section, wide in enumerate([16, 32, 64]):
            for i in range(3):
                layers.append(block(torch, width, wide, 2 if section and i == 0 else 1))
                width = wide
        layers += [nn.BatchNorm2d(64), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)]
        return nn.Sequential(*layers)
    import torchvision

    net = torchvision.models.resnet18(num_classes=10)
    if name == "resnet18":
        net.conv1, net.maxpool = nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.Identity()
    return net


def measured(work, batch, seconds):
    work()
    begin, passes = time.perf_counter(), 0
    while time.perf_counter() - begin < seconds:
        work()
        passes += 1
    return passes * batch / (time.perf_counter() - begin)


def torch_rate(name, what, batch, side, seconds, threads, last):
    import torch

    torch.set_num_threads(threads)
    net = network(torch, name)
    x = torch.randn(batch, 3, side, side)
    if last:
        net, x = net.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    if what == "forward":
        net.eval()
        with torch.inference_mode():
            return measured(lambda: net(x), batch, seconds)
    net.train()
    labels = torch.arange(batch) % 10
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3, momentum=0.9, weight_decay=5e-4)

    def step():
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(x), labels).backward()
        optimizer.step()

    return measured(step, batch, seconds)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--speed", default="target/release/examples/speed")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--only")
    args = parser.parse_args()
    print("case,ours,torch,torch channels last,ours / best torch,load")
    for name, what, batch, side in CASES:
        if args.only and args.only != f"{name}-{what}":
            continue
        ours, torchs, lasts = [], [], []
        for _ in range(args.rounds):
            command = [args.speed, name, what, str(batch), str(side), str(args.seconds), str(args.threads)]
            ours.append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
            torchs.append(torch_rate(name, what, batch, side, args.seconds, args.threads, False))
            lasts.append(torch_rate(name, what, batch, side, args.seconds, args.threads, True))
        mid = [statistics.median(rates) for rates in (ours, torchs, lasts)]
        figures = ",".join(f"{rate:.1f}" for rate in mid)
        load = os.getloadavg()[0]
        print(f"{name}-{what} batch={batch} side={side} threads={args.threads},{figures},"
              f"{mid[0] / max(mid[1:]):.2f},{load:.1f}", flush=True)


if __name__ == "__main__":
    main()
