"""A method of five classes that trains in a moment: what the training room asks of any method, and nothing of LTP."""

from HCCAssistLib.labels import Classes
from HCCAssistLib.recipes.options import training_options
from HCCAssistLib.recipes.spec import Recipe

TOY = Recipe(
    id="toy",
    title="Toy",
    paper="none",
    task="classification",
    inputs=(),
    label=Classes("category", {code: f"kind {code}" for code in "ABCDE"}),
    options=training_options(epochs=4, patience=10, batch=16, learning_rate=0.05, optimiser="sgd"),
    run_options=(),
    split=(6, 2, 2),
    windows={},
    package="toy_method",
    panel="",
)
