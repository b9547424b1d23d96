"""Ten steps of training a small network, so that the operators, the tape and the optimizers are checked together."""

import torch
import torch.nn.functional as F

from golden import labels, relative_error, summary, values

STEPS = 10
IMAGES = (2, 3, 12, 14)
CLASSES = 4
# Weights and biases in the order of computation, with the power of two that scales their hashed values.
PARAMETERS = [((8, 3, 3, 3), 0.25), ((8,), 0.0625), ((8, 8, 3, 3), 0.125), ((8,), 0.0625), ((CLASSES, 8, 1, 1), 0.5), ((CLASSES,), 0.0625)]


def forward(x, w1, b1, w2, b2, w3, b3):
    x = F.relu(F.conv2d(x, w1, b1, padding=1))
    x = F.max_pool2d(x, 2)
    x = F.relu(F.conv2d(x, w2, b2, dilation=2, padding=2))
    x = F.conv2d(x, w3, b3)
    return F.interpolate(x, IMAGES[2:], mode="bilinear", align_corners=False)


def train(seed, dtype, make_optimizer):
    parameters = [values(seed, f"p{i}", shape, scale).to(dtype, copy=True).requires_grad_() for i, (shape, scale) in enumerate(PARAMETERS)]
    x, target = values(seed, "x", IMAGES).to(dtype), labels(seed, (IMAGES[0], CLASSES, *IMAGES[2:]), 5)
    optimizer = make_optimizer(parameters)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = F.cross_entropy(forward(x, *parameters), target, ignore_index=255)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return {"loss": torch.stack(losses)} | {f"p{i}": p for i, p in enumerate(parameters)}


def training_cases():
    sgd = dict(learningRate=0.125, momentum=0.9, weightDecay=0.0005)
    adam = dict(learningRate=0.01, beta1=0.9, beta2=0.999, epsilon=1e-8, weightDecay=0.0005)
    makers = [
        ("SGD", sgd, lambda p: torch.optim.SGD(p, sgd["learningRate"], sgd["momentum"], weight_decay=sgd["weightDecay"])),
        ("Adam", adam, lambda p: torch.optim.Adam(p, adam["learningRate"], (adam["beta1"], adam["beta2"]), adam["epsilon"], adam["weightDecay"])),
    ]
    for seed, (name, options, make) in enumerate(makers, start=7000):
        exact, single = (train(seed, dtype, make) for dtype in (torch.float64, torch.float32))
        print(name, "float32 against float64:", {key: f"{relative_error(single[key], exact[key]):.1e}" for key in exact}, exact["loss"].tolist())
        yield {"name": name, "seed": seed} | options | {"results": {key: summary(seed, key, exact[key], single[key]) for key in exact}}
