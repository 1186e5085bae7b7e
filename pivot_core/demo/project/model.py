"""Logistic regression in plain Python: fit by gradient descent, predict, and score."""

import math
import random
from collections.abc import Sequence
from typing import TypedDict

from weather import Row, mean


class Progress(TypedDict):
    """How well the model fitted its own training data after some epochs."""

    epoch: int
    loss: float


class Model(TypedDict):
    """Everything that a prediction needs, as it is saved."""

    columns: list[str]
    means: list[float]
    scales: list[float]
    bias: float
    weights: list[float]
    learning: list[Progress]


class Settings(TypedDict):
    """How to fit."""

    columns: list[str]
    epochs: int
    learning_rate: float
    l2: float


def fit(rows: list[Row], settings: Settings) -> Model:
    """Fits the chance that ``rain_tomorrow`` is 1, with the whole data set in every step."""
    columns = settings["columns"]
    table = [[float(row[column]) for column in columns] for row in rows]
    wet = [float(row["rain_tomorrow"]) for row in rows]
    means = [mean(list(values)) for values in zip(*table, strict=True)]
    scales = [
        math.sqrt(mean([(value - middle) ** 2 for value in values])) or 1.0
        for values, middle in zip(zip(*table, strict=True), means, strict=True)
    ]
    inputs = [[1.0, *standardise(line, means, scales)] for line in table]
    weights, learning = descend(inputs, wet, settings)
    return {
        "columns": columns,
        "means": [round(value, 6) for value in means],
        "scales": [round(value, 6) for value in scales],
        "bias": round(weights[0], 6),
        "weights": [round(value, 6) for value in weights[1:]],
        "learning": learning,
    }


def descend(
    inputs: list[list[float]], wet: list[float], settings: Settings
) -> tuple[list[float], list[Progress]]:
    """Walks downhill and tells how it goes, about forty times; returns the weights and what it told."""
    epochs, rate, l2 = settings["epochs"], settings["learning_rate"], settings["l2"]
    columns = list(zip(*inputs, strict=True))
    weights = [0.0] * len(columns)
    learning = list[Progress]()
    for epoch in range(1, epochs + 1):
        chances = [sigmoid(math.sumprod(weights, line)) for line in inputs]
        errors = [chance - truth for chance, truth in zip(chances, wet, strict=True)]
        weights = [
            weight - rate * (math.sumprod(errors, column) / len(inputs) + l2 * weight)
            for weight, column in zip(weights, columns, strict=True)
        ]
        if epoch == 1 or epoch % max(epochs // 40, 1) == 0 or epoch == epochs:
            loss = log_loss(chances, wet)
            learning.append({"epoch": epoch, "loss": round(loss, 5)})
            print(f"epoch {epoch:5d} of {epochs}   loss {loss:.4f}")
    return weights, learning


def predict(model: Model, row: Row) -> float:
    """Returns the chance of rain on the day after ``row``, between 0 and 1."""
    values = [float(row[column]) for column in model["columns"]]
    line = standardise(values, model["means"], model["scales"])
    return sigmoid(model["bias"] + math.sumprod(model["weights"], line))


def standardise(
    values: Sequence[float], means: Sequence[float], scales: Sequence[float]
) -> list[float]:
    """Moves and stretches each value so that its column has mean 0 and spread 1."""
    return [
        (value - middle) / scale for value, middle, scale in zip(values, means, scales, strict=True)
    ]


def sigmoid(value: float) -> float:
    """Squeezes any number into 0 to 1, never quite reaching either."""
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, value))))


def log_loss(chances: Sequence[float], truths: Sequence[float]) -> float:
    """Returns the mean surprise: 0 is perfect, 0.69 is a coin toss."""
    surprises = [
        -math.log(chance if truth else 1 - chance)
        for chance, truth in zip(chances, truths, strict=True)
    ]
    return sum(surprises) / len(surprises)


def hits(chances: Sequence[float], truths: Sequence[float]) -> list[float]:
    """Returns 1 for each day on which the likelier answer was right, else 0."""
    return [
        float((chance > 0.5) == bool(truth)) for chance, truth in zip(chances, truths, strict=True)
    ]


def accuracy(chances: Sequence[float], truths: Sequence[float]) -> float:
    """Returns the share of days on which the likelier answer was right."""
    return mean(hits(chances, truths))


def accuracy_interval(
    chances: Sequence[float], truths: Sequence[float], *, resamples: int, seed: int
) -> tuple[float, float]:
    """Returns where the accuracy lies in 95 of 100 years like this one, by resampling its days."""
    dice = random.Random(seed)
    days = hits(chances, truths)
    found = sorted(mean(dice.choices(days, k=len(days))) for _ in range(resamples))
    return found[int(0.025 * resamples)], found[int(0.975 * resamples)]
