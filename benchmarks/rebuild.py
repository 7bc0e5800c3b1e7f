"""Full rebuild against three bare steps in SQL over the same data: read the sorted events, COPY the visits into a
table with the same indexes, UPDATE the same columns of the partners. Limit: twice their sum.

    ODOO_RC=odoo.conf python benchmarks/rebuild.py DATABASE [--customers 200000]
"""

import io
import resource
import sys

from database import environment, parse_arguments, report, timed
from dataset import make_customers

from odoo.tools import SQL


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


def update_partners(env):
    """Write the same values into columns that are empty, as the first rebuild does."""
    env.cr.execute(SQL(
        """
        CREATE TEMP TABLE bench_partner AS
        SELECT id, lifecycle_stage_id, lifecycle_since, lifecycle_cycle, lifecycle_next_check
          FROM res_partner WHERE lifecycle_cycle > 0
        """
    ))
    clear(env)
    seconds, __ = timed(env.cr.execute, SQL(
        """
        UPDATE res_partner p
           SET lifecycle_stage_id = b.lifecycle_stage_id, lifecycle_since = b.lifecycle_since,
               lifecycle_cycle = b.lifecycle_cycle, lifecycle_next_check = b.lifecycle_next_check
          FROM bench_partner b WHERE b.id = p.id
        """
    ))
    env.cr.rollback()
    return seconds


def clear(env):
    env.cr.execute(
        "UPDATE res_partner SET lifecycle_stage_id = NULL, lifecycle_since = NULL, lifecycle_cycle = 0,"
        " lifecycle_next_check = NULL WHERE lifecycle_cycle > 0"
    )


def rebuild(env):
    env["clm.lifecycle.engine"]._rebuild()
    env.cr.commit()


def main():
    arguments = parse_arguments(__doc__, customers=200_000)
    with environment(arguments.database) as env:
        if env["res.partner"].search_count([("name", "=like", "Customer %")]) < arguments.customers:
            seconds, __ = timed(make_customers, env, arguments.customers)
            print(f"{arguments.customers} customers made in {seconds:.0f} s")
        env.cr.execute("TRUNCATE clm_visit")
        clear(env)
        env.cr.execute("UPDATE sale_order SET lifecycle_stage_id = NULL, purchase_number = NULL")
        env.cr.commit()
        vacuum(env)
        first, __ = timed(rebuild, env)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        again, __ = timed(rebuild, env)
        vacuum(env)
        read, events = timed(read_events, env)
        env.cr.rollback()
        copy, update = copy_visits(env), update_partners(env)
        bare = read + copy + update
        print(f"{events} events: read {read:.2f} s + copy {copy:.2f} s + update {update:.2f} s = {bare:.2f} s bare")
        print(f"memory at the end of the first rebuild: {memory:.0f} MB; a rebuild that changes nothing: {again:.2f} s")
        return report("first rebuild, orders filled as well", first, 2 * bare)


def vacuum(env):
    env.cr.commit()
    env.cr._cnx.autocommit = True
    env.cr.execute("VACUUM ANALYZE")
    env.cr._cnx.autocommit = False


if __name__ == "__main__":
    sys.exit(not main())
