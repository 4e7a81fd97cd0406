"""Training in a real terminal, as someone new does it: start, pause, look, slow down, go on, read how good it is."""

from __future__ import annotations

from tests.e2e.terminal import PARTS, Home, losses

PROMPT = "─ In ["
CLASSIFIER = {
    "data": """
        def data():
            generator = torch.Generator().manual_seed(5)
            x = torch.randn(160, 3, generator=generator)
            points = TensorDataset(x, (x.sum(1) > 0).long())
            train, val, test = torch.utils.data.random_split(points, [80, 40, 40], generator=generator)
            return {"train": DataLoader(train, 4, shuffle=True), "val": DataLoader(val, 40),
                    "test": DataLoader(test, 40)}
    """,
    "model": """
        def model():
            return nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
    """,
    "loss": PARTS["loss"].replace("nn.functional.mse_loss", "nn.functional.cross_entropy"),
    "metrics": """
        def metrics(output, target):
            return {"accuracy": (output.argmax(1) == target).float().mean()}
    """,
}


def test_someone_new_trains_pauses_looks_slows_down_and_reads_the_test_accuracy(home: Home) -> None:
    head = (
        PARTS["head"]
        .replace("epochs: int = 4", "epochs: int = 15")
        .replace("pace_s: float = 0.0", "pace_s: float = 0.01")
    )
    home.preset("sides", folder=home.folder / "presets", head=head, **CLASSIFIER)
    app = home.open()
    app.wait_for("● idle", "torch 2.")
    app.press("f5")
    app.wait_for("Train a preset", "sides")
    app.press("enter")
    app.wait_for("▶ Start", "lr", "0.01")
    app.press("enter")
    app.wait_for("sides", "▶ running", "─ train")
    app.press("p")
    step = home.record(home.wait_for_status("paused"))["step"]
    app.wait_for("Ⅱ paused", f"step {step}/300", "✔ backward gradient norm", "p go on")

    app.press("f2")
    app.wait_for(PROMPT, "optimizer", "model")
    app.enter("tuple(model[0].weight.grad.shape), optimizer.param_groups[0]['lr']")
    app.wait_for("((8, 3), 0.01)")

    app.press("f5")
    app.wait_for("Ⅱ paused")
    app.press("<")
    app.wait_for("0.01 → 0.005")
    app.press("p")
    (accuracy,) = losses(home.wait_for_status("finished"), "test/accuracy").values()
    app.wait_for("✔ finished", "step 300/300", f"test accuracy {accuracy:.4g}")
    (change,) = [one for one in home.record()["changes"] if one["name"] == "lr"]
    assert (change["step"], float(change["after"])) == (step + 1, 0.005)
