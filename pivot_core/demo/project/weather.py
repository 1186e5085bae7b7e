"""What a day of weather is, and what it tells about tomorrow."""

import math
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

type Row = dict[str, str]
"""One line of a CSV file: column name to text."""


@dataclass(frozen=True)
class Day:
    """One day's measurements."""

    date: date
    rain_mm: float
    warmest: float
    coldest: float
    wind: float
    sky: str

    @property
    def is_wet(self) -> bool:
        """Whether any rain or snow was measured."""
        return self.rain_mm > 0


def parse_day(row: Row) -> Day:
    """Reads one row; the raw table writes a date as 2012/01/31, ours as 2012-01-31."""
    return Day(
        date=date.fromisoformat(row["date"].replace("/", "-")),
        rain_mm=float(row["precipitation"]),
        warmest=float(row["temp_max"]),
        coldest=float(row["temp_min"]),
        wind=float(row["wind"]),
        sky=row["weather"].strip().lower(),
    )


def format_day(day: Day) -> Row:
    """Returns the day as a row, with an ISO date."""
    return {
        "date": day.date.isoformat(),
        "precipitation": f"{day.rain_mm:.1f}",
        "temp_max": f"{day.warmest:.1f}",
        "temp_min": f"{day.coldest:.1f}",
        "wind": f"{day.wind:.1f}",
        "weather": day.sky,
    }


def first_gap(days: list[Day]) -> date | None:
    """Returns the first date that is missing between two rows, or None."""
    for before, after in pairwise(days):
        if after.date - before.date != timedelta(days=1):
            return before.date + timedelta(days=1)
    return None


def describe(days: list[Day]) -> dict[str, float]:
    """Returns what can be known on the evening of the last of ``days`` (30 of them, oldest first)."""
    today, yesterday, week = days[-1], days[-2], days[-7:]
    turn = 2 * math.pi * today.date.timetuple().tm_yday / 365.25  # the year as a circle
    return {
        # today
        "wet": float(today.is_wet),
        "rain": math.log1p(today.rain_mm),
        "warmest": today.warmest,
        "coldest": today.coldest,
        "swing": today.warmest - today.coldest,
        "wind": today.wind,
        "sunny": float(today.sky == "sun"),
        "foggy": float(today.sky == "fog"),
        # the last days
        "wet_yesterday": float(yesterday.is_wet),
        "wet_2_days_ago": float(days[-3].is_wet),
        "wet_week": mean([float(day.is_wet) for day in week]),
        "rain_week": math.log1p(mean([day.rain_mm for day in week])),
        "warming": today.warmest - yesterday.warmest,
        "to_week": today.warmest - mean([day.warmest for day in week]),
        "spell": spell(days),
        # the season
        "wet_month": mean([float(day.is_wet) for day in days]),
        "winter": math.cos(turn),
        "spring": math.sin(turn),
        "winter_swing": math.cos(turn) * (today.warmest - today.coldest),
        "winter_wet": math.cos(turn) * float(today.is_wet),
    }


def spell(days: list[Day]) -> float:
    """Returns how long it has been as it is today, on a log scale: positive when wet, negative when dry."""
    length = 0
    for day in reversed(days):
        if day.is_wet != days[-1].is_wet:
            break
        length += 1
    return math.log1p(length) if days[-1].is_wet else -math.log1p(length)


def mean(values: list[float]) -> float:
    """Returns the arithmetic mean."""
    return sum(values) / len(values)
