"""Billing at scale: what an invoice costs, next to Odoo's own ``account.move.create`` of the same values and to OCA's
``contract``; whether two workers share the work; whether memory grows with the number of contracts; how fast the
report of recurring revenue is.

    ODOO_RC=odoo.conf python benchmarks/billing.py DATABASE [--contracts 300] [--oca-database OTHER]
        [--shared 2000] [--many 50000] [--mrr 100000]

A scratch database with Odoo's chart of accounts. OTHER is one with OCA's ``contract``, which the addons path must then
have as well. ``--many 0``, ``--mrr 0`` and ``--shared 0`` leave out their parts.
"""

import gc
import multiprocessing
import os
import statistics
import sys
import threading
import time
from pathlib import Path

from contracts import make_partners, tidy
from database import environment, parse_arguments, timed
from dataset import copy_rows

from odoo.fields import Command, Date
from odoo.tools import SQL, split_every

ROUNDS = 5
ROUNDS_OF_WORKERS = 3
BATCH_SIZE = 100
MONTHS = 36
#: what a person enters on an invoice; Odoo finds the rest
ENTERED = ("product_id", "quantity", "price_unit", "discount", "name", "tax_ids", "clm_contract_id",
           "clm_installment_id")
ENTERED_ON_TOP = ("move_type", "partner_id", "invoice_date", "invoice_line_ids", "ref", "invoice_origin")


def check(name, figure, limit, unit, at_least=False):
    """Print a figure against its limit.

    :return: bool, whether it is within
    """
    within = figure >= limit if at_least else figure <= limit
    relation = "at least" if at_least else "at most"
    print(f"{name}: {figure:.2f} {unit}, {relation} {limit:.2f}: {'ok' if within else 'MISSED'}", flush=True)
    return within


# === DATA === #

def make_settings(env):
    wanted = {"clm_billing_post": False, "clm_billing_send": False, "clm_billing_grouping": "contract",
              "clm_billing_horizon": 12, "clm_billing_proration": "days"}
    # a new horizon would make every schedule anew
    env.company.write({name: value for name, value in wanted.items() if env.company[name] != value})


def make_products(env):
    """:return: three products with the first sales tax of 15 %"""
    tax = env["account.tax"].search([
        ("type_tax_use", "=", "sale"), ("amount", "=", 15), ("company_id", "=", env.company.id),
    ], limit=1)
    assert tax, "the chart of accounts has no sales tax of 15 %"
    return env["product.product"].create([
        {"name": f"Benchmark {number}", "type": "service", "taxes_id": [Command.set(tax.ids)]} for number in range(3)
    ])


def make_template(env):
    """Make one contract by the ORM: in force from this month on, three lines each month, taxed."""
    kind = env["clm.contract.type"].create({"name": "Billing benchmark", "signature_required": "none"})
    contract = env["clm.contract"].with_user(env.ref("base.user_admin")).create({
        "type_id": kind.id, "term_months": 0, "notice_count": 0,
        "date_start": Date.start_of(env.company._lifecycle_today(), "month"),
        "partner_id": env["res.partner"].create({"name": "Benchmark", "is_company": True}).id,
        "line_ids": [
            Command.create({
                "product_id": product.id, "quantity": number, "price_unit": 33.33 * number,
                "recurrence_unit": "month", "recurrence_interval": 1, "tax_ids": [Command.set(product.taxes_id.ids)],
            }) for number, product in enumerate(make_products(env), start=1)
        ],
    })
    contract.action_activate()
    env.flush_all()
    return contract.sudo()  # sudo: what follows is set-based, whoever owns it


def make_contracts(env, count, months=None):
    """Copy a contract, set-based, ``count`` times. Contracts that exist already are left out of what follows.

    :param int months: for how many months, from this one on, there are rows to bill; default: no rows
    """
    make_settings(env)
    env.cr.execute(SQL("UPDATE clm_contract SET billing_mode = 'manual'"))
    env.invalidate_all()
    template = make_template(env)
    partners = make_partners(env, count)
    first, first_line = (
        env.execute_query(SQL("SELECT nextval(%s) + 1", f"{table}_id_seq"))[0][0]
        for table in ("clm_contract", "clm_contract_line")
    )
    ids = {"contract_id": SQL("%s + n - 1", first), "partner_id": SQL("%s + n - 1", partners[0])}
    copy_rows(env, template, count, {
        "id": ids["contract_id"], "name": SQL("'R/' || %s || '/' || n", first), "partner_id": ids["partner_id"],
        "commercial_partner_id": ids["partner_id"], "partner_invoice_id": ids["partner_id"],
    })
    for line in template.line_ids:
        line_id = SQL("%s + n - 1", first_line)
        copy_rows(env, line, count, {"id": line_id, "contract_id": ids["contract_id"]})
        taxes = line._fields["tax_ids"]
        env.cr.execute(SQL(
            "INSERT INTO %s (%s, %s) SELECT %s, %s FROM generate_series(1, %s) n", SQL.identifier(taxes.relation),
            SQL.identifier(taxes.column1), SQL.identifier(taxes.column2), line_id, line.tax_ids.id, count,
        ))
        for row in template.installment_ids.filtered(lambda row, line=line: row.line_id == line):
            if months and row.date_planned < Date.add(template.date_start, months=months):
                copy_rows(env, row, count, {**ids, "line_id": line_id})
        first_line += count
    for table in ("clm_contract", "clm_contract_line"):
        env.cr.execute(SQL("SELECT setval(%s, (SELECT max(id) FROM %s))", f"{table}_id_seq", SQL.identifier(table)))
    env.cr.execute(SQL("DELETE FROM clm_installment WHERE contract_id = %s", template.id))
    env.cr.execute(SQL("UPDATE clm_contract SET billing_mode = 'manual' WHERE id = %s", template.id))
    env.cr.execute(SQL("DELETE FROM clm_queue"))
    env.invalidate_all()
    tidy(env, "clm_contract", "clm_contract_line", "clm_installment", "res_partner")


def next_month(env):
    """:return: the first day of the first month that is not billed yet"""
    last = env["clm.installment"].search(
        [("state", "=", "invoiced"), ("contract_id.billing_mode", "=", "auto")], order="date_planned desc", limit=1,
    ).date_planned
    if last:
        return Date.add(Date.start_of(last, "month"), months=1)
    return Date.start_of(env.company._lifecycle_today(), "month")


# === ONE WORKER === #

def measured(env, function, *args):
    """:return: triple: seconds per invoice, SQL statements per invoice, invoices; with an empty cache"""
    env.invalidate_all()
    gc.collect()
    before = env.cr.sql_log_count
    seconds, moves = timed(function, *args)
    assert moves, "no invoice was made"
    return seconds / len(moves), (env.cr.sql_log_count - before) / len(moves), len(moves)


def bare(env, entered, limit=None):
    """Make by Odoo alone the invoices that are due next, and take them back.

    :param bool entered: only with the values that a person enters, else with all that the engine gives
    :param int limit: so many of them at most
    """
    engine = env["clm.billing.engine"]._for_company(env.company)
    rows = engine.env["clm.installment"].search(engine._due_domain(env.company, next_month(env)))
    groups = list(rows.grouped(lambda row: row._invoice_key()).values())[:limit]
    vals_list = engine._prepare_move_vals_list(groups)
    if entered:
        vals_list = [
            {name: vals[name] for name in ENTERED_ON_TOP} | {"invoice_line_ids": [
                Command.create({name: line[name] for name in ENTERED})
                for _command, _id, line in vals["invoice_line_ids"]
            ]} for vals in vals_list
        ]

    def create():
        moves = env["account.move"]
        for batch in split_every(BATCH_SIZE, vals_list, list):
            moves |= moves.create(batch)
            env.flush_all()
        return moves

    figures = measured(env, create)
    env.cr.rollback()
    return figures


def ours(env, post=False):
    month = next_month(env)
    env.company.clm_billing_post = post
    figures = measured(env, env["clm.billing.engine"]._run, None, month)
    errors = env["clm.contract"].search([("billing_mode", "=", "auto"), ("cron_error", "!=", False)])
    assert not errors, errors[0].cron_error
    assert next_month(env) > month, "the month was not billed"
    return figures


def make_oca_contracts(env, count):
    products, today = make_products(env), Date.start_of(Date.today(), "month")
    partners = env["res.partner"].create([{"name": f"OCA {n}", "is_company": True} for n in range(count)])
    env["contract.contract"].search([]).write({"active": False})
    env["contract.contract"].create([{
        "name": partner.name, "partner_id": partner.id, "date_start": today, "recurring_rule_type": "monthly",
        "recurring_interval": 1, "recurring_invoicing_type": "pre-paid",
        "contract_line_ids": [Command.create({
            "product_id": product.id, "name": "Services #START# to #END#", "quantity": number,
            "price_unit": 33.33 * number,
        }) for number, product in enumerate(products, start=1)],
    } for partner in partners])
    env.cr.commit()


def oca(env):
    contracts = env["contract.contract"].search([])
    month = max(contracts.mapped("recurring_next_date"))
    last = env["account.move"].search([], order="id desc", limit=1).id

    def run():
        env["contract.contract"].cron_recurring_create_invoice(month)
        env.cr.commit()
        return env["account.move"].search([("id", ">", last), ("move_type", "=", "out_invoice")])

    return measured(env, run)


def compare(env, other, count):
    """:return: whether an invoice costs as little as it should"""
    make_contracts(env, count, 2 * ROUNDS + 3)
    subjects = {
        "ours": lambda: ours(env), "ours, posted": lambda: ours(env, post=True),
        "bare, same values": lambda: bare(env, entered=False),
        "bare, values as entered": lambda: bare(env, entered=True),
    }
    if other:
        make_oca_contracts(other, count)
        subjects["OCA contract"] = lambda: oca(other)
    for subject in subjects.values():
        subject()  # warm up
    figures = {name: [] for name in subjects}
    for _round in range(ROUNDS):  # in turn, so that other load on the machine meets each of them
        for name, subject in subjects.items():
            figures[name].append(subject())
    for name, rounds in figures.items():
        seconds = statistics.median(figure[0] for figure in rounds)
        print(f"{name}: {1 / seconds:.1f} invoices per second, {1000 * seconds:.1f} ms and "
              f"{max(figure[1] for figure in rounds):.2f} statements each ({rounds[0][2]} invoices)", flush=True)

    def faster(name):
        return statistics.median(
            theirs[0] / own[0] for own, theirs in zip(figures["ours"], figures[name], strict=True)
        )

    within = [
        check("statements per invoice", max(figure[1] for figure in figures["ours"]), 10, ""),
        check("statements per posted invoice", max(figure[1] for figure in figures["ours, posted"]), 10, ""),
        check("speed next to bare create of the same values", faster("bare, same values"), 1, "times", at_least=True),
    ]
    if other:
        within.append(check("speed next to OCA", faster("OCA contract"), 1.5, "times", at_least=True))
    return all(within)


# === TWO WORKERS === #

def work(database, month, barrier, results):
    """A process that bills a month, from the moment that all are ready."""
    with environment(database) as env:
        bare(env, entered=False, limit=1)  # warm up
        barrier.wait()
        start = time.monotonic()
        moves = env["clm.billing.engine"]._run(None, month)
        results.put((start, time.monotonic(), len(moves)))


def seconds_of_workers(database, month, count):
    """:return: pair: seconds from the first start to the last end, invoices of each worker"""
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(count), context.Queue()
    workers = [context.Process(target=work, args=(database, month, barrier, results)) for _ in range(count)]
    for worker in workers:
        worker.start()
    done = [results.get(timeout=3600) for _ in workers]
    for worker in workers:
        worker.join()
    return max(end for _start, end, _made in done) - min(start for start, *_rest in done), [row[2] for row in done]


def share(env, database, count):
    """:return: whether two workers are worth it"""
    make_contracts(env, count, 2 * ROUNDS_OF_WORKERS)
    ratios = []
    for _round in range(ROUNDS_OF_WORKERS):
        seconds = {}
        for workers in (1, 2):
            month = next_month(env)
            env.cr.commit()  # no snapshot, no lock while others work
            seconds[workers], made = seconds_of_workers(database, month, workers)
            env.invalidate_all()
            billed = env["clm.installment"].search_count([
                ("state", "=", "invoiced"), ("date_planned", "=", month), ("contract_id.billing_mode", "=", "auto"),
            ])
            assert billed == 3 * sum(made), f"{billed} rows are billed by {sum(made)} invoices"
            print(f"{workers} worker(s): {made} invoices in {seconds[workers]:.1f} s", flush=True)
        ratios.append(seconds[1] / seconds[2])
    return check("two workers", statistics.median(ratios), 1.7, "times one", at_least=True)


# === MEMORY === #

class Memory(threading.Thread):
    """Reads the resident memory of this process, in MB, every half second while its ``with`` block runs."""

    def __init__(self):
        super().__init__(daemon=True)
        self.readings, self.stopped = [], threading.Event()

    def run(self):
        while not self.stopped.wait(0.5):
            self.readings.append(self.read())

    @staticmethod
    def read():
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exception):
        self.stopped.set()
        self.join()

    def at(self, share_done):
        """:return: median around a point of the run, 0 to 1"""
        middle = round(share_done * (len(self.readings) - 1))
        return statistics.median(self.readings[max(middle - 5, 0):middle + 6])


def memory(env, count):
    """:return: whether memory stays where it is after a tenth of the run"""
    make_contracts(env, count, 1)
    month = next_month(env)
    before = Memory.read()
    with Memory() as readings:
        seconds, moves = timed(env["clm.billing.engine"]._run, None, month)
    points = {point: readings.at(point / 100) for point in (10, 25, 50, 75, 100)}
    print(f"{len(moves)} invoices in {seconds:.0f} s, {len(moves) / seconds:.1f} per second; MB before: {before:.0f}, "
          + ", ".join(f"at {point} %: {value:.0f}" for point, value in points.items()), flush=True)
    return check("memory at its highest after a tenth", max(readings.readings[len(readings.readings) // 10:]),
                 1.1 * points[10], "MB")


# === RECURRING REVENUE === #

def make_movements(env, count):
    """Give contracts six movements each, spread over 36 months, the last of which ends every fifth contract."""
    make_contracts(env, count)
    start = Date.subtract(Date.start_of(env.company._lifecycle_today(), "month"), months=MONTHS - 1)
    env.cr.execute(SQL("DELETE FROM clm_mrr_movement"))
    env.cr.execute(SQL(
        """INSERT INTO clm_mrr_movement (contract_id, company_id, partner_id, type_id, currency_id, date, kind, amount,
                                         value)
           SELECT id, company_id, commercial_partner_id, type_id, currency_id,
                  %s + (id %% 18 + 3 * k) * interval '1 month' + id %% 28 * interval '1 day', kind, change, change
             FROM clm_contract, (VALUES (0, 'new', 100), (1, 'expansion', 20), (2, 'contraction', -10),
                                        (3, 'expansion', 30), (4, 'contraction', -5), (5, 'churn', -135)
                                ) AS change (k, kind, change)
            WHERE billing_mode = 'auto' AND (k < 5 OR id %% 5 = 0)""", start,
    ))
    tidy(env, "clm_mrr_movement")


def revenue(env, count):
    """:return: whether the report of recurring revenue opens in time: each month's waterfall and rates"""
    make_movements(env, count)
    changes = [kind for kind, _label in env["clm.mrr.movement"]._fields["kind"].selection]
    measures = [f"{kind}:sum" for kind in changes] + ["start:avg", "end:avg", "nrr:avg", "logo_churn:avg"]
    seconds = []
    for _round in range(ROUNDS):
        env.invalidate_all()
        took, months = timed(env["clm.mrr.report"].formatted_read_group, [], ["month:month"], measures)
        seconds.append(took)
    assert len(months) == MONTHS, f"{len(months)} months"
    for month in months:
        change = sum(month[f"{kind}:sum"] for kind in changes)
        assert abs(month["start:avg"] + change - month["end:avg"]) < 0.01, "the waterfall does not add up"
    print(f"{env['clm.mrr.movement'].search_count([])} movements, MRR at the end {months[-1]['end:avg']:.0f}")
    return check("report of recurring revenue", statistics.median(seconds), 2, "s")


def main():
    arguments = parse_arguments(__doc__, contracts=300, shared=2_000, many=50_000, mrr=100_000, **{"oca-database": ""})
    within = []
    with environment(arguments.database) as opened:
        env = opened(context={})
        if arguments.oca_database:
            with environment(arguments.oca_database) as other:
                within.append(compare(env, other(context={}), arguments.contracts))
        else:
            within.append(compare(env, None, arguments.contracts))
        if arguments.shared:
            within.append(share(env, arguments.database, arguments.shared))
        if arguments.many:
            within.append(memory(env, arguments.many))
        if arguments.mrr:
            within.append(revenue(env, arguments.mrr))
    return all(within)


if __name__ == "__main__":
    sys.exit(not main())
