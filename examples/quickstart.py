"""Train a network of look-up tables on scikit-learn's digits, read its tables, save it."""

import torch
from torch import nn

import bitlogic
from bitlogic import DistributiveThermometer, GroupSum, LogicDense, PackedLogicNet
from bitlogic.datasets import digits


def main() -> None:
    torch.manual_seed(0)
    data = digits()
    model = nn.Sequential(
        DistributiveThermometer(num_bits=4, fit_axes=(1,), distinct=True),
        nn.Flatten(),
        LogicDense(256, 500, lut_rank=4, connections="learnable", num_candidates=8, forward_sampling="hard"),
        LogicDense(500, 500, lut_rank=4, connections="learnable", num_candidates=8, forward_sampling="hard"),
        GroupSum(10, tau=4.0),
    )
    model[0].fit(data.train_x)  # type: ignore[operator]

    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for epoch in range(1, 13):
        model.train()
        for batch in torch.randperm(len(data.train_x))[: 11 * 128].view(11, 128):
            loss = nn.functional.cross_entropy(model(data.train_x[batch]), data.train_y[batch])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        model.eval()  # from here on the discrete tables, as in hardware
        correct = model(data.test_x).argmax(1) == data.test_y
        print(f"epoch {epoch:2}: {100 * correct.float().mean():.2f} % of {len(correct)} held-out digits")

    for layer in model:
        if isinstance(layer, LogicDense):
            luts, ids = layer.get_luts_and_ids()
            print(f"{len(luts)} tables; the first is {luts[0].tolist()} on inputs {ids[:, 0].tolist()}")

    same = torch.equal(PackedLogicNet(model)(data.test_x), model(data.test_x))
    print(f"64 samples a word give the same scores: {same}")
    bitlogic.save(model, "model.pt")
    print("saved model.pt")


if __name__ == "__main__":
    main()
