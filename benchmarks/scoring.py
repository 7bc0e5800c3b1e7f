"""The nightly scores of a large company: a million customers, three million orders, 100,000 contracts.

    ODOO_RC=odoo.conf python benchmarks/scoring.py DATABASE [--customers 1000000] [--contracts 100000] [--rounds 3]

Limit: the nightly refresh takes at most three times the bare aggregates of ``STATEMENTS``. Each night of the benchmark
is a day later than the one before (the clock is not moved, but what is stored is brought to the day before first), so
that as many rows are written as in real nights. What has no limit is printed: the first night, the fit of the model of
purchases and one month of history.

The bare aggregates are one plain GROUP BY for each kind of document, over the same tables with nothing but the
conditions without which a row does not count: who was a customer, purchases by customer and day, what is overdue,
recurring revenue, contracts, obligations, last answers; and for RFM the four limits of each measure among all
customers. No companies, time zones, currencies, credit notes, invoices without order, names, formulas; nothing is
joined to a row for each customer, and nothing is stored. They run with the memory that the server gives everybody.
"""

import json
import statistics
import sys
from datetime import timedelta

from cockpit import fill
from contracts import tidy
from database import environment, parse_arguments, report, timed

from odoo.tools import SQL

FACTOR = 3.0
CDNOW = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
#: By name: a SELECT on the base tables.
STATEMENTS = {
    "customers": """
        SELECT v.partner_id, MIN(v.entered_at) FROM clm_visit v JOIN clm_stage s ON s.id = v.stage_id AND s.is_customer
         WHERE v.superseded_at IS NULL GROUP BY 1
    """,
    "purchases by customer and day": """
        SELECT d.partner_id, COUNT(*), MIN(d.day), MAX(d.day), SUM(d.amount),
               SUM(d.amount) FILTER (WHERE d.day > CURRENT_DATE - 182),
               SUM(d.amount) FILTER (WHERE d.day BETWEEN CURRENT_DATE - 363 AND CURRENT_DATE - 182)
          FROM (
                SELECT o.partner_id, o.date_order::date AS day, SUM(o.amount_untaxed) AS amount
                  FROM sale_order o WHERE o.state = 'sale' GROUP BY 1, 2
               ) d
         GROUP BY 1
    """,
    "overdue invoices": """
        SELECT m.commercial_partner_id, COUNT(*), SUM(m.amount_residual_signed) FILTER (
               WHERE m.payment_state IN ('not_paid', 'partial') AND m.invoice_date_due < CURRENT_DATE)
          FROM account_move m WHERE m.state = 'posted' AND m.move_type IN ('out_invoice', 'out_refund') GROUP BY 1
    """,
    "recurring revenue": """
        SELECT m.partner_id, SUM(m.value), SUM(m.value) FILTER (WHERE m.date <= CURRENT_DATE - 182)
          FROM clm_mrr_movement m WHERE m.date <= CURRENT_DATE GROUP BY 1
    """,
    "contracts": """
        SELECT k.commercial_partner_id, MIN(k.date_start), MIN(k.date_notice),
               COUNT(*) FILTER (WHERE k.state = 'active')
          FROM clm_contract k WHERE k.direction = 'customer' GROUP BY 1
    """,
    "obligations": """
        SELECT o.partner_id, COUNT(*) FROM clm_obligation o
         WHERE o.side = 'us' AND o.state = 'open' AND o.date_due < CURRENT_DATE GROUP BY 1
    """,
    "answers": """
        SELECT f.partner_id, MAX(f.answered_at) FROM clm_feedback f WHERE f.state = 'answered' GROUP BY 1
    """,
    "ratings": """
        SELECT r.partner_id, MAX(r.rated_on) FROM rating_rating r WHERE r.consumed GROUP BY 1
    """,
    "limits of RFM": """
        SELECT percentile_disc(ARRAY[.2, .4, .6, .8]) WITHIN GROUP (ORDER BY c.last_day),
               percentile_disc(ARRAY[.2, .4, .6, .8]) WITHIN GROUP (ORDER BY c.orders),
               percentile_disc(ARRAY[.2, .4, .6, .8]) WITHIN GROUP (ORDER BY c.amount)
          FROM (
                SELECT o.partner_id, MAX(o.date_order)::date AS last_day, COUNT(*) AS orders,
                       SUM(o.amount_untaxed) AS amount
                  FROM sale_order o WHERE o.state = 'sale' GROUP BY 1
               ) c
    """,
}


def bare(env, name):
    """:return: seconds of one of the bare aggregates; its rows stay in the database, as ours do"""
    return timed(env.cr.execute, SQL("SELECT COUNT(x) FROM (%s) x", SQL(STATEMENTS[name].strip())))[0]


def refresh(env, rounds):
    """:return: whether the refresh is as quick as it should be, in turn with the bare aggregates"""
    score = env["clm.customer.score"]
    ours, figures = [], {name: [] for name in STATEMENTS}
    for __ in range(rounds):
        make_yesterdays(env)
        env.invalidate_all()
        seconds, written = timed(count_written, score)
        ours.append(seconds)
        print(f"a night: {seconds:.1f} s, {written} rows written", flush=True)
        env.cr.commit()
        for name, seconds in figures.items():
            seconds.append(bare(env, name))
        env.cr.commit()
    medians = {name: statistics.median(seconds) for name, seconds in figures.items()}
    for name, seconds in medians.items():
        print(f"bare, {name}: {seconds:.2f} s", flush=True)
    print(f"bare aggregates: {sum(medians.values()):.2f} s", flush=True)
    return report("nightly scores", statistics.median(ours), FACTOR * sum(medians.values()))


def make_yesterdays(env):
    """Store the scores of yesterday, as they are before a night."""
    score = env["clm.customer.score"]
    score._refresh(score._today() - timedelta(days=1))
    env.cr.commit()
    tidy(env, "clm_customer_score")


def count_written(score):
    score._refresh()
    return score.env.cr.rowcount


def main():
    arguments = parse_arguments(__doc__, customers=1_000_000, contracts=100_000, rounds=3)
    with environment(arguments.database) as opened:
        env = opened(context={})
        fill(env, arguments.customers, arguments.contracts)
        score = env["clm.customer.score"]
        if not score.search_count([], limit=1):
            seconds, __ = timed(score._refresh)
            print(f"the first night: {seconds:.1f} s", flush=True)
            env.cr.commit()
            tidy(env, "clm_customer_score")
        seconds, __ = timed(score._fit_bgnbd)
        print(f"model of purchases fitted in {seconds:.1f} s: {score._bgnbd()}", flush=True)
        if not score._bgnbd():  # these customers have no common rhythm: those of CDNOW cost as much
            score._note("clm.bgnbd", json.dumps({"day": str(score._today()), "params": CDNOW}))
        env.cr.commit()
        within = refresh(env, arguments.rounds)
        month = (score._today().replace(day=1) - timedelta(days=1)).replace(day=1)
        seconds, __ = timed(score._compare, month)
        print(f"what changed since last month: {seconds:.1f} s", flush=True)
        seconds, __ = timed(env["clm.customer.score.history"]._record, month)
        print(f"a month of history: {seconds:.1f} s", flush=True)
        env.cr.rollback()
        return within


if __name__ == "__main__":
    sys.exit(not main())
