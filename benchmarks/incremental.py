"""Cost of what happens must not depend on how many customers are stored: replaying 1,000 changed customers, and
1,000 whose time has come, with few and with many customers in the database. Limit: 1.5 times.

    ODOO_RC=odoo.conf python benchmarks/incremental.py DATABASE [--few 10000] [--many 1000000] [--changed 1000]
"""

import statistics
import sys

from database import environment, parse_arguments, report, timed
from dataset import make_customers
from rebuild import vacuum

from odoo.tools import SQL

RUNS = 5


def grow(env, count):
    """Make customers until there are ``count`` and bring their ledgers up to date."""
    missing = count - env["res.partner"].search_count([("lifecycle_cycle", ">", 0)])
    if missing > 0:
        seconds, __ = timed(make_customers, env, missing)
        print(f"{missing} customers made in {seconds:.0f} s", flush=True)
        seconds, done = timed(env["clm.lifecycle.engine"]._rebuild)
        print(f"rebuild of {done} customers: {seconds:.0f} s", flush=True)
    env["clm.lifecycle.engine"]._process_queue()
    env["clm.lifecycle.engine"]._cron_tick()
    vacuum(env)


def some_customers(env, count):
    rows = env.execute_query(SQL(
        "SELECT id FROM res_partner WHERE lifecycle_cycle > 0 ORDER BY hashint4(id + %s) LIMIT %s",
        some_customers.round, count,
    ))
    some_customers.round += 1
    return [row[0] for row in rows]


some_customers.round = 0


def process_changed(env, count):
    env["clm.queue"]._push(some_customers(env, count))
    env.cr.commit()
    seconds, done = timed(env["clm.lifecycle.engine"]._process_queue)
    assert done == count, done
    return seconds


def process_due(env, count):
    env.cr.execute(SQL(
        "UPDATE res_partner SET lifecycle_next_check = now() AT TIME ZONE 'UTC' - interval '1 hour' WHERE id = ANY(%s)",
        some_customers(env, count),
    ))
    env.cr.commit()
    seconds, done = timed(env["clm.lifecycle.engine"]._cron_tick)
    assert done >= count, done  # the time of others may have come meanwhile
    return seconds


def measure(env, count):
    """:return: pair of medians in seconds: changed customers, due customers"""
    process_changed(env, count)  # warm up
    return tuple(
        statistics.median(process(env, count) for __ in range(RUNS)) for process in (process_changed, process_due)
    )


def main():
    arguments = parse_arguments(__doc__, few=10_000, many=1_000_000, changed=1000)
    with environment(arguments.database) as env:
        figures = []
        for stored in (arguments.few, arguments.many):
            grow(env, stored)
            figures.append(measure(env, arguments.changed))
            print("{} stored: {} changed in {:.2f} s, due in {:.2f} s".format(
                stored, arguments.changed, *figures[-1]), flush=True)
        (few_changed, few_due), (many_changed, many_due) = figures
        within = [
            report("changed customers", many_changed, 1.5 * few_changed),
            report("due customers", many_due, 1.5 * few_due),
        ]
        return all(within)


if __name__ == "__main__":
    sys.exit(not main())
