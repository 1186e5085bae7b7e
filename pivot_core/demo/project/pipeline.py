"""Does it rain in Seattle tomorrow? Four years of daily weather, three small models, one answer.

    clean ─► features ─┬─► split ─► train@… ─► evaluate@… ─► choose ─┬─► plot
                       └─────────────────────────────────────────────┴─► report

Nothing is wired by hand: a stage that reads a file follows the stage that writes it.
"""

from datetime import date, timedelta
from typing import Annotated, TypedDict

from pivot_core import (
    CSV,
    JSON,
    Dep,
    DirectoryOut,
    Metric,
    Out,
    Pipeline,
    PlaceholderDep,
    Plot,
    StageParams,
    Text,
)

import model
import plotting
import weather
from model import Model, Settings
from plotting import Chart
from weather import Row

# How far each model looks back: what the day tells, what the week adds, what the season adds.
DAY = ["wet", "rain", "warmest", "coldest", "swing", "wind", "sunny", "foggy"]
WEEK = ["wet_yesterday", "wet_2_days_ago", "wet_week", "rain_week", "warming", "to_week", "spell"]
SEASON = ["wet_month", "winter", "spring", "winter_swing", "winter_wet"]
VARIANTS = {"day": DAY, "week": DAY + WEEK, "season": DAY + WEEK + SEASON}

MODELS = [f"models/{name}.json" for name in VARIANTS]
SCORES = [f"metrics/{name}.json" for name in VARIANTS]
TRAINING_YEARS = ["data/years/2012.csv", "data/years/2013.csv"]


# --- prepare the data ------------------------------------------------------------------------------------------------


def clean(
    raw: Annotated[list[Row], Dep("data/raw/seattle-weather.csv", CSV(rows=True))],
) -> Annotated[list[Row], Out("data/clean.csv", CSV(rows=True))]:
    """Puts the days in order, with ISO dates, and makes sure that none is missing."""
    days = sorted((weather.parse_day(row) for row in raw), key=lambda day: day.date)
    missing = weather.first_gap(days)
    if missing:
        raise ValueError(f"no row for {missing}")
    wet = sum(day.is_wet for day in days)
    print(f"{len(days)} days from {days[0].date} to {days[-1].date}, {wet} of them wet")
    return [weather.format_day(day) for day in days]


class FeaturesOuts(TypedDict):
    """A stage with several outputs returns a dictionary; each field names its file."""

    history: Annotated[list[Row], Out("data/features.csv", CSV(rows=True))]
    today: Annotated[Row, Out("data/today.json", JSON())]


def features(
    clean: Annotated[list[Row], Dep("data/clean.csv", CSV(rows=True))],
) -> FeaturesOuts:
    """Describes each day by what was known on its evening, and notes whether it rained on the next."""
    days = [weather.parse_day(row) for row in clean]
    described = list[Row]()
    for last in range(29, len(days)):
        columns = weather.describe(days[last - 29 : last + 1])
        described.append(
            {
                "date": days[last].date.isoformat(),
                **{name: f"{value:.4f}" for name, value in columns.items()},
            }
        )
    for row, tomorrow in zip(described, days[30:], strict=False):
        row["rain_tomorrow"] = str(int(tomorrow.is_wet))
    *history, today = described  # nobody knows yet what follows the last day
    print(f"{len(history)} days described by {len(today) - 1} numbers each")
    return {"history": history, "today": today}


def split(
    history: Annotated[list[Row], Dep("data/features.csv", CSV(rows=True))],
) -> Annotated[dict[str, list[Row]], DirectoryOut("data/years/", CSV(rows=True))]:
    """Writes one file a year: two to learn from, one to choose by, one to be honest with."""
    years = dict[str, list[Row]]()
    for row in history:
        years.setdefault(f"{row['date'][:4]}.csv", []).append(row)
    for name, rows in years.items():
        share = weather.mean([float(row["rain_tomorrow"]) for row in rows])
        print(f"{name}: {len(rows)} days, rain follows {share:.0%} of them")
    return years


# --- learn -----------------------------------------------------------------------------------------------------------


class TrainParams(StageParams):
    """Defaults; params.yaml overrides them."""

    columns: list[str] = DAY
    epochs: int = 1000
    learning_rate: float = 0.05
    l2: float = 1e-3


def train(
    params: TrainParams,
    years: Annotated[list[list[Row]], Dep(TRAINING_YEARS, CSV(rows=True))],
) -> Annotated[Model, Out("models/model.json", JSON())]:
    """Fits one model on the first two years."""
    rows = [row for year in years for row in year]
    print(f"{len(rows)} days, {len(params.columns)} columns, rate {params.learning_rate}")
    settings = Settings(
        columns=params.columns,
        epochs=params.epochs,
        learning_rate=params.learning_rate,
        l2=params.l2,
    )
    return model.fit(rows, settings)


class EvaluateParams(StageParams):
    """How sure to be of the interval."""

    resamples: int = 1000
    seed: int = 7


def evaluate(
    params: EvaluateParams,
    fitted: Annotated[Model, PlaceholderDep(JSON())],
    year: Annotated[list[Row], Dep("data/years/2014.csv", CSV(rows=True))],
) -> Annotated[dict[str, float], Metric("metrics/model.json")]:
    """Scores one model on a year that it has not seen."""
    chances = [model.predict(fitted, row) for row in year]
    truths = [float(row["rain_tomorrow"]) for row in year]
    right = model.accuracy(chances, truths)
    print(f"right on {right:.1%} of {len(year)} days; resampling them {params.resamples} times")
    low, high = model.accuracy_interval(
        chances, truths, resamples=params.resamples, seed=params.seed
    )
    print(f"in 95 of 100 such years between {low:.1%} and {high:.1%}")
    return {
        "accuracy": round(right, 4),
        "accuracy_low": round(low, 4),
        "accuracy_high": round(high, 4),
        "log_loss": round(model.log_loss(chances, truths), 4),
    }


# --- choose and tell -------------------------------------------------------------------------------------------------


class ChooseOuts(TypedDict):
    """The winner, what it says about the last year, and how that went."""

    best: Annotated[Model, Out("models/best.json", JSON())]
    forecast: Annotated[list[Row], Out("data/forecast.csv", CSV(rows=True))]
    scores: Annotated[dict[str, float], Metric("metrics/test.json")]


def choose(
    fitted: Annotated[list[Model], Dep(MODELS, JSON())],
    scores: Annotated[list[dict[str, float]], Dep(SCORES, JSON())],
    year: Annotated[list[Row], Dep("data/years/2015.csv", CSV(rows=True))],
) -> ChooseOuts:
    """Takes the model with the smallest loss and tries it on the year that nothing was chosen by."""
    for name, score in zip(VARIANTS, scores, strict=True):
        print(f"{name:8} log loss {score['log_loss']:.4f}   accuracy {score['accuracy']:.1%}")
    winner = min(range(len(fitted)), key=lambda index: scores[index]["log_loss"])
    best = fitted[winner]
    chances = [model.predict(best, row) for row in year]
    truths = [float(row["rain_tomorrow"]) for row in year]
    test = {
        "accuracy": round(model.accuracy(chances, truths), 4),
        "accuracy_always_dry": round(1 - weather.mean(truths), 4),
        "accuracy_as_today": round(model.accuracy([float(row["wet"]) for row in year], truths), 4),
        "log_loss": round(model.log_loss(chances, truths), 4),
    }
    print(f"'{list(VARIANTS)[winner]}' wins: right on {test['accuracy']:.1%} of the days of 2015,")
    print(f"where 'always dry' is right on {test['accuracy_always_dry']:.1%}")
    forecast = [
        {
            "date": (date.fromisoformat(row["date"]) + timedelta(days=1)).isoformat(),
            "chance": f"{chance:.3f}",
            "rained": row["rain_tomorrow"],
        }
        for row, chance in zip(year, chances, strict=True)
    ]
    return {"best": best, "forecast": forecast, "scores": test}


class PlotOuts(TypedDict):
    """Two pictures, saved by our own writer."""

    learning: Annotated[Chart, Plot("plots/learning.svg", plotting.SVG())]
    forecast: Annotated[Chart, Plot("plots/forecast.svg", plotting.SVG(width=900))]


def plot(
    fitted: Annotated[list[Model], Dep(MODELS, JSON())],
    forecast: Annotated[list[Row], Dep("data/forecast.csv", CSV(rows=True))],
) -> PlotOuts:
    """Draws how the models learned, and the chosen one's forecast beside what happened."""
    curves = {name: each["learning"] for name, each in zip(VARIANTS, fitted, strict=True)}
    days = [(row["date"], float(row["chance"]), float(row["rained"])) for row in forecast]
    print(f"{len(curves)} learning curves, {len(days)} days of forecast")
    return {
        "learning": plotting.learning_chart(curves),
        "forecast": plotting.forecast_chart(days),
    }


def report(
    best: Annotated[Model, Dep("models/best.json", JSON())],
    scores: Annotated[dict[str, float], Dep("metrics/test.json", JSON())],
    today: Annotated[Row, Dep("data/today.json", JSON())],
) -> Annotated[str, Out("reports/tomorrow.txt", Text())]:
    """Answers the question."""
    chance = model.predict(best, today)
    day = date.fromisoformat(today["date"]) + timedelta(days=1)
    answer = "take an umbrella" if chance > 0.5 else "leave the umbrella at home"
    words = (
        f"Seattle, {day:%A %d %B %Y}: {chance:.0%} chance of rain, {answer}.\n"
        f"Such forecasts were right on {scores['accuracy']:.0%} of the days of 2015; "
        f"saying 'dry' every day, on {scores['accuracy_always_dry']:.0%}.\n"
    )
    print(words, end="")
    return words


# --- the pipeline ----------------------------------------------------------------------------------------------------

pipeline = Pipeline("seattle-weather")
pipeline.register(clean)
pipeline.register(features)
pipeline.register(split)
for variant, columns in VARIANTS.items():
    pipeline.register(
        train,
        variant=variant,
        params={"columns": columns},
        outs={"return": f"models/{variant}.json"},
    )
    pipeline.register(
        evaluate,
        variant=variant,
        deps={"fitted": f"models/{variant}.json"},
        outs={"return": f"metrics/{variant}.json"},
    )
pipeline.register(choose)
pipeline.register(plot)
pipeline.register(report)
