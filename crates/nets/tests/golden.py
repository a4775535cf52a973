"""Writes tests/golden/torch.json: what PyTorch and torchvision compute where src/golden.rs computes the same.

Weights and pictures are a formula of name and place that both sides evaluate, so that none is stored. Run with torch and
torchvision installed: python crates/nets/tests/golden.py
"""

import json
import pathlib

import numpy as np
import torch
import torchvision


def formula(name, n):
    """Values between -0.5 and 0.5 from the name and the place alone, in whole numbers."""
    seed = 2166136261
    for byte in name.encode():
        seed = (seed ^ byte) * 16777619 % 2**32
    x = (np.arange(n, dtype=np.uint64) * 2654435761 + seed) % 2**32
    x = (x ^ (x >> 15)) * 2246822519 % 2**32
    x = (x ^ (x >> 13)) * 3266489917 % 2**32
    x = x ^ (x >> 16)
    return x.astype(np.float64) / 2**32 - 0.5


def value(name, shape):
    u = formula(name, int(np.prod(shape)))
    if len(shape) == 4:
        u = u * np.sqrt(24.0 / (shape[0] * shape[2] * shape[3]))
    elif name.startswith("fc."):
        u = u * 0.2
    elif name.endswith("running_var"):
        u = 1.0 + 0.5 * u
    elif name.endswith("running_mean"):
        u = 0.1 * u
    elif name.endswith("weight"):
        u = 1.0 + 0.2 * u
    else:
        u = 0.2 * u
    return torch.from_numpy(u.astype(np.float32).reshape(shape))


class Block(torch.nn.Module):
    """Residual, of these kernels and widths; normalization comes before each convolution (`before`), or after it."""

    def __init__(self, width, convs, stride, act, before, raw):
        super().__init__()
        self.act, self.before, self.raw, self.count = act, before, raw, len(convs)
        strided, start = [kernel for kernel, _ in convs].index(3), width
        for i, (kernel, wide) in enumerate(convs):
            conv = torch.nn.Conv2d(width, wide, kernel, stride if i == strided else 1, kernel // 2, bias=False)
            self.add_module(f"conv{i + 1}", conv)
            self.add_module(f"bn{i + 1}", torch.nn.BatchNorm2d(width if before else wide))
            width = wide
        self.downsample = None
        if start != width or stride != 1:
            layers = [torch.nn.Conv2d(start, width, 1, stride, bias=False)]
            self.downsample = torch.nn.Sequential(*layers, *([] if before else [torch.nn.BatchNorm2d(width)]))

    def forward(self, x):
        y, short = x, x
        for i in range(1, self.count + 1):
            conv, norm = getattr(self, f"conv{i}"), getattr(self, f"bn{i}")
            if self.before:
                y = y if self.raw and i == 1 else self.act(norm(y))
                # A shortcut sees what the first convolution sees.
                short = self.downsample(y) if self.downsample and i == 1 else short
                y = conv(y)
            else:
                y = norm(conv(y))
                y = self.act(y) if i < self.count else y
        if self.before:
            return y + short
        return self.act(y + (self.downsample(x) if self.downsample else x))


class Small(torch.nn.Module):
    """The networks for pictures of 32 pixels: stem, three sections, mean, linear layer."""

    def __init__(self, classes, count, wider=1, bottleneck=False, before=True, leaky=False, quirk=False):
        super().__init__()
        self.before = before
        self.act = torch.nn.LeakyReLU(0.1) if leaky else torch.nn.ReLU()
        self.conv1 = torch.nn.Conv2d(3, 16, 3, 1, 1, bias=leaky)
        if not before:
            self.bn1 = torch.nn.BatchNorm2d(16)
        width = 16
        for section, base in enumerate([16, 32, 64]):
            out = base * wider
            convs = [(1, out // 4), (3, out // 4), (1, out)] if bottleneck else [(3, out), (3, out)]
            blocks = []
            for i in range(count):
                stride = 2 if section and i == 0 else 1
                raw = quirk and section > 0 and width != out
                blocks.append(Block(width, convs, stride, self.act, before, raw))
                width = out
            self.add_module(f"layer{section + 1}", torch.nn.Sequential(*blocks))
        if before:
            self.bn = torch.nn.BatchNorm2d(width, eps=1e-3 if leaky else 1e-5)
        self.fc = torch.nn.Linear(width, classes)
        if leaky:
            for module in self.modules():
                if isinstance(module, torch.nn.BatchNorm2d):
                    module.momentum = 0.001

    def features(self, x):
        x = self.conv1(x)
        x = x if self.before else self.act(self.bn1(x))
        x = self.layer3(self.layer2(self.layer1(x)))
        x = self.act(self.bn(x)) if self.before else x
        return x.mean((2, 3))

    def forward(self, x):
        return self.fc(self.features(x))


SMALL = {
    "resnet8": dict(count=1),
    "resnet20-post": dict(count=3, before=False),
    "wrn-28-2": dict(count=4, wider=2, leaky=True),
    "wrn-28-2-usb": dict(count=4, wider=2, leaky=True, quirk=True),
}


# Steps of the deepest networks: PyTorch's own gradients in float and in double differ by 0.3 and 3 % there.
DEEP = 0


def network(name, classes):
    if name in SMALL:
        net = Small(classes, **SMALL[name])
    elif name == "resnet164":
        net = Small(classes, count=18, wider=4, bottleneck=True)
    elif name == "resnet34-imagenet":
        net = torchvision.models.resnet34(num_classes=classes)
    else:
        net = torchvision.models.resnet18(num_classes=classes)
        if name != "resnet18-imagenet":
            net.conv1 = torch.nn.Conv2d(3, 64, 3, 1, 1, bias=False)
            if name == "resnet18":
                net.maxpool = torch.nn.Identity()
    state = net.state_dict()
    filled = {k: v if k.endswith("num_batches_tracked") else value(k, tuple(v.shape)) for k, v in state.items()}
    net.load_state_dict(filled)
    return net


def features(net, x):
    if isinstance(net, Small):
        return net.features(x)
    body = torch.nn.Sequential(*list(net.children())[:-1])
    return body(x).flatten(1)


def numbers(tensor):
    return [float(v) for v in tensor.detach().flatten().double()]


SHOWN = ["conv1.weight", "bn1.weight", "bn1.bias", "layer1.0.conv1.weight", "layer2.0.downsample.0.weight",
         "layer2.0.downsample.1.bias", "layer3.1.bn2.weight", "layer4.0.conv1.weight", "layer4.1.conv2.weight",
         "fc.weight", "fc.bias"]
SHOWN_OF_SMALL = ["conv1.weight", "layer1.0.conv1.weight", "layer1.0.bn2.bias", "layer2.0.bn1.weight",
                  "layer2.0.downsample.0.weight", "layer3.0.conv2.weight", "bn.weight", "fc.weight", "fc.bias"]


def digest(tensor, name):
    """A few values, the length, and the sum along a direction of its own: enough to tell any two apart."""
    flat = tensor.detach().flatten().double()
    way = torch.from_numpy(formula("way " + name, flat.numel()))
    return {"name": name, "first": numbers(flat[:6]), "norm": float(flat.norm()), "along": float(flat @ way)}


def resnet(name, side, steps=3):
    n, classes = 8, 7
    x = 2 * torch.from_numpy(formula("pictures", n * 3 * side * side).astype(np.float32)).reshape(n, 3, side, side)
    labels = torch.arange(n) * 3 % classes
    net = network(name, classes).eval()
    case = {"network": name, "side": side, "n": n, "classes": classes}
    with torch.no_grad():
        case["features"] = [digest(row, f"features {i}") for i, row in enumerate(features(net, x))]
        case["logits"] = numbers(net(x))
    net.train()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9, nesterov=True, weight_decay=5e-4)
    case["steps"] = []
    names = [k for k in (SHOWN_OF_SMALL if isinstance(net, Small) else SHOWN) if k in net.state_dict()]
    for step in range(steps):
        optimizer.zero_grad()
        logits = net(x)
        loss = torch.nn.functional.cross_entropy(logits, labels, label_smoothing=0.1)
        loss.backward()
        shown = dict(net.named_parameters())
        case["steps"].append({"loss": float(loss.detach()), "logits": numbers(logits),
                              "gradients": [digest(shown[k].grad, k) for k in names if shown[k].grad is not None]
                              if step == 0 else []})
        optimizer.step()
    state = net.state_dict()
    running = [k for k in state if k.endswith(("running_mean", "running_var"))]
    case["after"] = [digest(state[k], k) for k in names + [running[0], running[1], running[-1]]] if steps else []
    return case


def optimizers():
    cases = []
    gradients = [torch.from_numpy(formula(f"gradient {i}", 5).astype(np.float32)) for i in range(4)]
    for kind in ["sgd", "nesterov", "adam"]:
        weight = torch.nn.Parameter(torch.from_numpy(formula("weight", 5).astype(np.float32)))
        if kind == "adam":
            optimizer = torch.optim.Adam([weight], lr=0.01, weight_decay=3e-4)
        else:
            optimizer = torch.optim.SGD([weight], lr=0.1, momentum=0.9, nesterov=kind == "nesterov", weight_decay=5e-2)
        for gradient in gradients:
            weight.grad = gradient.clone()
            optimizer.step()
        cases.append({"kind": kind, "weight": numbers(weight)})
    return cases


def nt_xent():
    cases = []
    for one_sided in [False, True]:
        z = torch.from_numpy(formula("projections", 12 * 5).astype(np.float32)).reshape(12, 5).requires_grad_()
        u = torch.nn.functional.normalize(z, dim=1)
        s = u @ u.T / 0.1
        s = s.masked_fill(torch.eye(12, dtype=torch.bool), float("-inf"))
        partner = torch.arange(12).roll(6)
        each = torch.nn.functional.cross_entropy(s, partner, reduction="none")
        loss = each[:6].mean() if one_sided else each.mean()
        loss.backward()
        cases.append({"one_sided": one_sided, "loss": float(loss.detach()), "gradient": numbers(z.grad)})
    return cases


def main():
    torch.manual_seed(0)
    golden = {
        "resnets": [resnet("resnet18-imagenet", 64), resnet("resnet18-pooled", 32), resnet("resnet18", 16),
                    *(resnet(name, 16) for name in SMALL), resnet("resnet34-imagenet", 64, DEEP), resnet("resnet164", 16, DEEP)],
        "optimizers": optimizers(),
        "nt_xent": nt_xent(),
    }
    path = pathlib.Path(__file__).parent / "golden" / "torch.json"
    path.write_text(json.dumps(golden, indent=0) + "\n")
    print(path, path.stat().st_size)


if __name__ == "__main__":
    main()
