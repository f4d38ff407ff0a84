"""The five data sets of the sandbox: invented, small, and the same on every machine.

`python -m sandbox.mlflow.datasets` writes `sandbox/data/*.csv` anew; a test proves that this changes nothing. The numbers come from
`random.Random` with a seed each, which Python keeps stable; no person or company stands behind any row.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import TypeAlias

FOLDER = Path(__file__).resolve().parent.parent / "data"

Row: TypeAlias = Mapping[str, str | int | float]


def customer_churn(random: Random) -> Sequence[Row]:
    """1,200 customers of a telephone company; `churned` within the next quarter. About one tenure in fifty is missing."""
    rows = []
    for _ in range(1200):
        tenure = min(72, int(random.expovariate(1 / 24)))
        charge = round(random.gauss(58, 18), 2)
        calls = _poisson(random, 1.6)
        usage = round(random.gauss(0, 0.18), 3)
        late = _poisson(random, 0.7)
        leaning = -0.6 - 0.075 * tenure + 0.03 * (charge - 58) + 0.95 * (calls - 1.6) - 5.5 * usage + 1.1 * (late - 0.7)
        rows.append(
            {
                "tenure_months": "" if random.random() < 0.02 else tenure,
                "monthly_charge": charge,
                "support_calls": calls,
                "usage_change": usage,
                "late_payments": late,
                "newsletter_opens": _poisson(random, 3.0),
                "churned": _happens(random, 1.4 * leaning),
            }
        )
    return rows


def loan_default(random: Random) -> Sequence[Row]:
    """1,000 consumer loans; `defaulted` within two years. About one income in forty is missing."""
    rows = []
    for _ in range(1000):
        income = round(math.exp(random.gauss(10.4, 0.45)))
        amount = round(math.exp(random.gauss(9.2, 0.6)))
        score = round(min(850, max(300, random.gauss(640, 85))))
        accounts = _poisson(random, 4.0)
        arrears = _poisson(random, 0.5)
        burden = amount / income
        leaning = -2.2 + 3.2 * (burden - 0.35) - 0.014 * (score - 640) + 1.2 * arrears + 0.08 * (accounts - 4)
        rows.append(
            {
                "income": "" if random.random() < 0.025 else income,
                "amount": amount,
                "credit_score": score,
                "open_accounts": accounts,
                "arrears": arrears,
                "term_months": random.choice((12, 24, 36, 48, 60)),
                "defaulted": _happens(random, 1.3 * leaning),
            }
        )
    return rows


def demand_forecast(random: Random) -> Sequence[Row]:
    """1,095 days of one shop's sales of one product in `units_sold`. About one temperature in a hundred is missing."""
    rows = []
    last_week = [180.0] * 7
    for day in range(1095):
        season = math.sin(2 * math.pi * (day % 365) / 365)
        temperature = round(11 - 9 * season + random.gauss(0, 3), 1)
        weekend = int(day % 7 in (5, 6))
        promotion = int(random.random() < 0.12)
        price = round(random.choice((2.49, 2.79, 2.99)) - 0.4 * promotion, 2)
        mean = sum(last_week) / 7
        units = max(
            0,
            round(0.45 * mean + 95 + 42 * weekend + 55 * promotion - 38 * (price - 2.79) + 1.6 * temperature + random.gauss(0, 12)),
        )
        rows.append(
            {
                "day": day,
                "weekend": weekend,
                "promotion": promotion,
                "price": price,
                "temperature": "" if random.random() < 0.01 else temperature,
                "mean_last_week": round(mean, 2),
                "units_sold": units,
            }
        )
        last_week = [*last_week[1:], units]
    return rows


def document_triage(random: Random) -> Sequence[Row]:
    """900 incoming documents as a text model measured them; `queue` is 0 for claims, 1 for invoices, 2 for complaints."""
    centres = ((420, 0.8, 0.20, 0.15, 1.2), (180, 4.5, 0.55, 0.05, 0.4), (650, 0.5, 0.10, 0.62, 0.9))
    rows = []
    for _ in range(900):
        queue = random.choices((0, 1, 2), weights=(5, 3, 2))[0]
        words, amounts, tables, anger, images = centres[queue]
        rows.append(
            {
                "words": max(20, round(random.gauss(words, 160))),
                "amounts": _poisson(random, amounts),
                "table_share": round(min(1.0, max(0.0, random.gauss(tables, 0.14))), 3),
                "anger": "" if random.random() < 0.015 else round(min(1.0, max(0.0, random.gauss(anger, 0.17))), 3),
                "images": _poisson(random, images),
                "queue": queue,
            }
        )
    return rows


def candidate_ranking(random: Random) -> Sequence[Row]:
    """900 applications; `invited` to an interview. People of group 1 have more often been away from work for some months, which
    those who invited held against them: a model that learns from their decisions does so as well."""
    rows = []
    for _ in range(900):
        group = int(random.random() < 0.4)
        experience = round(min(30.0, random.expovariate(1 / 8)), 1)
        score = round(min(100.0, max(0.0, random.gauss(62, 15))), 1)
        away = _poisson(random, 9.0 if group else 2.0)
        leaning = -0.2 + 0.05 * (experience - 8) + 0.07 * (score - 62) - 0.3 * (away - 4)
        rows.append(
            {
                "experience_years": experience,
                "test_score": "" if random.random() < 0.02 else score,
                "months_away": away,
                "referrals": _poisson(random, 0.4),
                "group": group,
                "invited": _happens(random, 1.2 * leaning),
            }
        )
    return rows


DATASETS: Mapping[str, tuple[int, Callable[[Random], Sequence[Row]]]] = {
    "customer_churn": (20251, customer_churn),
    "loan_default": (20252, loan_default),
    "demand_forecast": (20253, demand_forecast),
    "document_triage": (20254, document_triage),
    "candidate_ranking": (20255, candidate_ranking),
}
"""Seed and recipe by file name."""


def write(folder: Path) -> None:
    """Writes the files, replacing what is there."""
    for name, (seed, recipe) in DATASETS.items():
        rows = recipe(Random(seed))
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


def _happens(random: Random, leaning: float) -> int:
    return int(random.random() < 1 / (1 + math.exp(-leaning)))


def _poisson(random: Random, mean: float) -> int:
    """Knuth's method, enough for small means."""
    limit, count, product = math.exp(-mean), 0, random.random()
    while product > limit:
        count, product = count + 1, product * random.random()
    return count


if __name__ == "__main__":
    write(FOLDER)
