"""How many events ``tools/replay`` applies in a second, with the policy the addon ships with.

    python benchmarks/replay.py [--customers 60000] [--limit 400000]

Prints the best of several runs over the same customers, beside a crude hand-made fold of the same
rules. Exits with 1 when the best is below the limit. Needs neither Odoo nor a database.
"""

import argparse
import gc
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools.default_policy import default_policy
from tools.replay import replay

NOW = datetime(2025, 1, 1)
START = datetime(2019, 1, 1)
TZ = "Europe/Brussels"


def make_customers(number: int, seed: int = 1) -> list[list[tuple]]:
    """Make customers with five events on average, in the form in which a cursor gives rows."""
    random = Random(seed)
    return [_make_events(random) for _ in range(number)]


def _make_events(random: Random) -> list[tuple]:
    """Make a contact, then now and then enquiries, purchases, contracts and feedback."""
    date = START + timedelta(seconds=random.randrange(5 * 365 * 86400))
    kinds = ["contact"]
    if random.random() < 0.6:
        kinds.append("lead")
    if random.random() < 0.5:
        kinds.append("quotation")
    for _ in range(min(int(random.expovariate(0.45)), 60)):
        kinds.append(random.choice(("order", "order", "order", "invoice", "quotation")))
        if random.random() < 0.1:
            kinds.append("feedback")
        if random.random() < 0.03:
            kinds.append("refund")
    if random.random() < 0.1:
        kinds += ["contract_start"] + ["contract_renewal"] * random.randrange(4)
        if random.random() < 0.5:
            kinds.append("contract_end")
    rows = []
    for kind in kinds:
        rows.append(_make_row(random, date, kind))
        date += timedelta(seconds=int(random.expovariate(1 / (60 * 86400))))
    return rows


def _make_row(random: Random, date: datetime, kind: str) -> tuple:
    fresh_kind = kind.encode().decode()  # a cursor makes a new string for each row
    score = float(random.randrange(11)) if kind == "feedback" else None
    res_id = random.randrange(10**6)
    return (
        *(date, date.toordinal(), fresh_kind, 100.0 * random.random(), score),
        *("sale.order", res_id, None, None, None, None, res_id),
    )


def crude_fold(events: list[tuple], now: datetime) -> list[list]:
    """Apply the same rules written out by hand: no policy, no time zone, no evidence."""
    visits: list[list] = []
    level = orders = renewals = running = referrals = 0
    score, last_order, order_days, started = -1.0, 0, [], 0
    last: int | None = None
    today = now.toordinal()
    for date, day, kind, _amount, value, *_rest in [*events, (now, today, "now", 0, None)]:
        if 3 <= level <= 5 and running <= 0 and day - last >= 365:
            visits.append([6, datetime.fromordinal(last + 365)])
            level = 6
        if level in (1, 2, 3) and running and day - started >= 365:
            visits.append([4, datetime.fromordinal(started + 365)])
            level = 4
        base = 0 if level == 6 else level
        target = 0
        if kind in ("order", "invoice"):
            orders += 1
            if day != last_order:
                order_days.append(day)
                last_order = day
            target = 3
            if base < 5:
                if score >= 9 or referrals or (len(order_days) >= 5 and day - order_days[-5] < 365):
                    target = 5
                elif len(order_days) >= 2:
                    target = 4
        elif kind in ("lead", "opportunity", "quotation"):
            target = 2
        elif kind == "contact":
            target = 0 if last else 1
        elif kind == "contract_start":
            running += 1
            started = day
            target = 3
        elif kind == "contract_renewal":
            renewals += 1
            target = 5 if renewals >= 2 else 4
        elif kind == "contract_end":
            running -= 1
        elif kind == "feedback":
            score = value
            target = 5 if score >= 9 and orders else 0
        elif kind == "referral":
            referrals += 1
            target = 5 if orders else 0
        if target > base:
            visits.append([target, date])
            level = target
        if kind != "contact":
            last = day
    return visits


def best_time(run, customers: list[list[tuple]], repeats: int = 5) -> float:
    """Give the seconds of processor time of the fastest of several runs over all customers."""
    times = []
    for _ in range(repeats):
        gc.collect()
        start = time.process_time()
        for events in customers:
            run(events)
        times.append(time.process_time() - start)
    return min(times)


def main() -> int:
    """Measure, print, compare with the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=60_000)
    parser.add_argument("--limit", type=int, default=0, help="events per second")
    options = parser.parse_args()
    policy = default_policy()
    customers = make_customers(options.customers)
    events = sum(map(len, customers))
    visits = sum(len(replay(policy, rows, NOW, TZ).visits) for rows in customers)
    rate = events / best_time(lambda rows: replay(policy, rows, NOW, TZ), customers)
    crude = events / best_time(lambda rows: crude_fold(rows, NOW), customers)
    print(f"{len(customers):,} customers, {events:,} events, {visits:,} visits")
    print(f"replay      {rate:12,.0f} events/s")
    print(f"crude fold  {crude:12,.0f} events/s")
    if rate < options.limit:
        print(f"below the limit of {options.limit:,} events/s")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
