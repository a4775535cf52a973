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


def network(name, classes):
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
    body = torch.nn.Sequential(*list(net.children())[:-1])
    return body(x).flatten(1)


def numbers(tensor):
    return [float(v) for v in tensor.detach().flatten().double()]


SHOWN = ["conv1.weight", "bn1.weight", "bn1.bias", "layer1.0.conv1.weight", "layer2.0.downsample.0.weight",
         "layer2.0.downsample.1.bias", "layer3.1.bn2.weight", "layer4.0.conv1.weight", "layer4.1.conv2.weight",
         "fc.weight", "fc.bias"]


def digest(tensor, name):
    """A few values, the length, and the sum along a direction of its own: enough to tell any two apart."""
    flat = tensor.detach().flatten().double()
    way = torch.from_numpy(formula("way " + name, flat.numel()))
    return {"name": name, "first": numbers(flat[:6]), "norm": float(flat.norm()), "along": float(flat @ way)}


def resnet(name, side):
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
    for step in range(3):
        optimizer.zero_grad()
        logits = net(x)
        loss = torch.nn.functional.cross_entropy(logits, labels, label_smoothing=0.1)
        loss.backward()
        shown = dict(net.named_parameters())
        case["steps"].append({"loss": float(loss), "logits": numbers(logits),
                              "gradients": [digest(shown[k].grad, k) for k in SHOWN] if step == 0 else []})
        optimizer.step()
    state = net.state_dict()
    kept = SHOWN + ["bn1.running_mean", "bn1.running_var", "layer4.1.bn2.running_var"]
    case["after"] = [digest(state[k], k) for k in kept]
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
        "resnets": [resnet("resnet18-imagenet", 64), resnet("resnet18-pooled", 32), resnet("resnet18", 16)],
        "optimizers": optimizers(),
        "nt_xent": nt_xent(),
    }
    path = pathlib.Path(__file__).parent / "golden" / "torch.json"
    path.write_text(json.dumps(golden, indent=0) + "\n")
    print(path, path.stat().st_size)


if __name__ == "__main__":
    main()
