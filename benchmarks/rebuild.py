"""Full rebuild against three bare steps in SQL over the same data: read the sorted events, COPY the visits into a
table with the same indexes, UPDATE the same columns of the partners. Limit: twice their sum.

The very first reconstruction also writes stage and purchase number on every order; its bare steps have one more.

    ODOO_RC=odoo.conf python benchmarks/rebuild.py DATABASE [--customers 200000]
"""

import io
import resource
import sys

from database import environment, parse_arguments, report, timed
from dataset import make_customers

from odoo.tools import SQL

PARTNER_COLUMNS = ("lifecycle_stage_id", "lifecycle_since", "lifecycle_cycle", "lifecycle_next_check")
ORDER_COLUMNS = ("lifecycle_stage_id", "purchase_number")


def read_events(env):
    rows = env.execute_query(SQL(
        """
        SELECT date, day - DATE '0001-01-01' + 1, kind, amount::float8, score, model, res_id, stage_id, pin, origin,
               user_id, res_id, partner_id
          FROM (%s) event ORDER BY partner_id, date, kind_number, res_id
        """,
        env["clm.event"]._table_query,
    ))
    return len(rows)


def copy_visits(env):
    env.cr.execute("CREATE TABLE bench_visit (LIKE clm_visit INCLUDING INDEXES INCLUDING DEFAULTS)")
    buffer = io.StringIO()
    env.cr.copy_expert("COPY (SELECT * FROM clm_visit WHERE superseded_at IS NULL ORDER BY id) TO STDOUT", buffer)
    buffer.seek(0)
    seconds, __ = timed(env.cr.copy_expert, "COPY bench_visit FROM STDIN", buffer)
    env.cr.rollback()
    return seconds


def update(env, table, columns):
    """:return: seconds to write the values that the table has into the same columns, empty before"""
    names = SQL(", ").join(map(SQL.identifier, columns))
    env.cr.execute(SQL("CREATE TEMP TABLE bench ON COMMIT DROP AS SELECT id, %s FROM %s WHERE %s IS NOT NULL",
                       names, SQL.identifier(table), SQL.identifier(columns[0])))
    clear(env, table, columns)
    assignments = (SQL("%s = bench.%s", SQL.identifier(name), SQL.identifier(name)) for name in columns)
    seconds, __ = timed(env.cr.execute, SQL(
        "UPDATE %s t SET %s FROM bench WHERE bench.id = t.id", SQL.identifier(table), SQL(", ").join(assignments)
    ))
    env.cr.rollback()
    return seconds


def clear(env, table, columns):
    env.cr.execute(SQL(
        "UPDATE %s SET %s WHERE %s IS NOT NULL",
        SQL.identifier(table),
        SQL(", ").join(SQL("%s = NULL", SQL.identifier(name)) for name in columns),
        SQL.identifier(columns[0]),
    ))


def forget(env, orders):
    """Empty the ledger as if nothing had been replayed yet.

    :param bool orders: what the orders hold as well
    """
    env.cr.execute("TRUNCATE clm_visit")
    clear(env, "res_partner", PARTNER_COLUMNS)
    if orders:
        clear(env, "sale_order", ORDER_COLUMNS)
    vacuum(env)


def rebuild(env):
    env["clm.lifecycle.engine"]._rebuild()
    env.cr.commit()


def main():
    arguments = parse_arguments(__doc__, customers=200_000)
    with environment(arguments.database) as env:
        if env["res.partner"].search_count([("name", "=like", "Customer %")]) < arguments.customers:
            seconds, __ = timed(make_customers, env, arguments.customers)
            print(f"{arguments.customers} customers made in {seconds:.0f} s", flush=True)
        forget(env, orders=True)
        first, __ = timed(rebuild, env)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        again, __ = timed(rebuild, env)
        forget(env, orders=False)
        scratch, __ = timed(rebuild, env)
        vacuum(env)
        read, events = timed(read_events, env)
        env.cr.rollback()
        copy = copy_visits(env)
        partners, orders = update(env, "res_partner", PARTNER_COLUMNS), update(env, "sale_order", ORDER_COLUMNS)
        bare = read + copy + partners
        print(f"{events} events: read {read:.2f} s + copy {copy:.2f} s + partners {partners:.2f} s = {bare:.2f} s bare")
        print(f"orders {orders:.2f} s bare; memory {memory:.0f} MB; a rebuild that changes nothing {again:.2f} s")
        within = [
            report("rebuild from scratch", scratch, 2 * bare),
            report("first rebuild, orders too", first, 2 * (bare + orders)),
        ]
        return all(within)


def vacuum(env):
    env.cr.commit()
    env.cr._cnx.autocommit = True
    env.cr.execute("VACUUM ANALYZE")
    env.cr._cnx.autocommit = False


if __name__ == "__main__":
    sys.exit(not main())
