"""Contracts at scale. The nightly run must cost what is due, not what is stored: with few and with many contracts in
force, the same number of them due. The list of many contracts must open as fast as Odoo's own list of as many sales
orders; a form must not get slower with the age of its contract.

    ODOO_RC=odoo.conf python benchmarks/contracts.py DATABASE [--few 5000] [--many 100000] [--due 500]
"""

import statistics
import sys
import time

from database import environment, parse_arguments, report, timed
from dataset import copy_rows, make_customers
from lxml import etree

from odoo.fields import Command
from odoo.tests import Form
from odoo.tools import SQL

RUNS = 3
READS = 21
#: Of the contracts that are due: what is due about them, and their share.
DUE = (("renewal", 0.3), ("end", 0.2), ("start", 0.1), ("reminder", 0.2), ("obligation", 0.2))
TABLES = (
    "clm_contract", "clm_contract_line", "clm_contract_clause", "clm_contract_version", "clm_contract_visit",
    "clm_obligation", "mail_activity", "mail_message",
)


# === DATA === #

def make_template(env):
    """Make one contract in force by the ORM: two lines, a text of ten clauses, three obligations, one version."""
    kind = env["clm.contract.type"].create({
        "name": "Benchmark", "signature_required": "none", "renewal_policy": "auto", "notice_count": 1,
        "clause_ids": [
            Command.create({"sequence": number, "clause_id": clause.id})
            for number, clause in enumerate(env["clm.clause"].search([], limit=10))
        ],
    })
    product = env["product.product"].create({"name": "Benchmark", "type": "service"})
    today = env.company._lifecycle_today()
    contract = env["clm.contract"].with_user(env.ref("base.user_admin")).create({
        "type_id": kind.id,
        "partner_id": env["res.partner"].create({"name": "Benchmark", "is_company": True}).id,
        "line_ids": [Command.create({"product_id": product.id, "price_unit": price}) for price in (10.0, 90.0)],
        "obligation_ids": [
            Command.create({"name": "Report", "date_due": today, "recurrence_unit": unit})
            for unit in ("none", "none", "year")
        ],
    })
    contract.action_activate()
    env.flush_all()
    return contract.sudo()  # sudo: what follows is set-based, whoever owns it


def make_contracts(env, count):
    """Copy the template, set-based, until there are ``count`` contracts in force. None of them is due soon."""
    missing = count - env["clm.contract"].search_count([("state", "=", "active")])
    if missing <= 0:
        return
    template = make_template(env)
    partners = make_partners(env, missing // 4 + 1)
    first, first_duty = (
        env.execute_query(SQL("SELECT nextval(%s) + 1", f"{table}_id_seq"))[0][0]
        for table in ("clm_contract", "clm_obligation")
    )
    contract_id = SQL("%s + n - 1", first)
    partner_id = SQL("%s + n %% %s", partners[0], len(partners))
    # ends between 4 and 34 months from today, so that no deadline is near
    start = SQL("CURRENT_DATE - 300 + (n %% 900)::int")
    end = SQL("CURRENT_DATE + 120 + (n %% 900)::int")
    notice = SQL("(%s - interval '1 month')::date", end)
    copy_rows(env, template, missing, {
        "id": contract_id, "name": SQL("'B/' || %s || '/' || n", first), "partner_id": partner_id,
        "commercial_partner_id": partner_id, "date_start": SQL("LEAST(%s, CURRENT_DATE)", start), "date_end": end,
        "anchor_date": SQL("LEAST(%s, CURRENT_DATE)", start), "date_notice": notice,
        "date_act_by": SQL("%s - 30", notice), "risk_next": SQL("%s - 30", notice),
        "activated_on": SQL("LEAST(%s, CURRENT_DATE)", start),
        "text_plain": SQL("clm_contract.text_plain || ' number' || n || ' group' || n %% 1000"),
    })
    for records in (template.line_ids, template.clause_ids, template.version_ids, template.visit_ids):
        for record in records:
            copy_rows(env, record, missing, {"contract_id": contract_id})
    for duty in template.obligation_ids:
        series = SQL("%s + n - 1", first_duty) if duty.series_id else SQL("NULL::int")
        copy_rows(env, duty, missing, {
            "id": SQL("%s + n - 1", first_duty), "contract_id": contract_id, "partner_id": partner_id,
            "series_id": series, "date_due": SQL("CURRENT_DATE + 70 + (n %% 250)::int"),
            "next_open_on": SQL("CURRENT_DATE + 70 + (n %% 250)::int") if duty.series_id else SQL("NULL::date"),
        })
        first_duty += missing
    for table in ("clm_contract", "clm_obligation"):
        env.cr.execute(SQL("SELECT setval(%s, (SELECT max(id) FROM %s))", f"{table}_id_seq", SQL.identifier(table)))
    env.cr.execute(SQL("DELETE FROM clm_queue"))
    tidy(env, *TABLES)


def make_partners(env, count):
    template = env["res.partner"].create({"name": "Benchmark", "is_company": True})
    env.flush_all()
    first = env.execute_query(SQL("SELECT nextval('res_partner_id_seq') + 1"))[0][0]
    partner_id = SQL("%s + n - 1", first)
    copy_rows(env, template, count, {
        "id": partner_id, "name": SQL("'Customer ' || n"), "complete_name": SQL("'Customer ' || n"),
        "commercial_partner_id": partner_id,
    })
    env.cr.execute(SQL("SELECT setval('res_partner_id_seq', %s)", first + count))
    return range(first, first + count)


def make_orders(env, count):
    """Make sales orders, three for each new customer, until there are ``count``."""
    missing = count - env["sale.order"].search_count([])
    if missing > 0:
        make_customers(env, missing // 3 + 1)
        # the first contracts of their list have activities as well
        env["sale.order"].search([], limit=80).activity_schedule("mail.mail_activity_data_todo", user_id=env.uid)
        tidy(env, "sale_order", "mail_activity")


def make_due(env, count):
    """Let some contracts in force fall due today or some days ago."""
    ids = env.execute_query(SQL(
        "SELECT id FROM clm_contract WHERE state = 'active' AND name LIKE 'B/%%' AND date_end > CURRENT_DATE + 100"
        " ORDER BY hashint4(id + %s) LIMIT %s", make_due.round, count,
    ))
    make_due.round += 1
    ids = [contract_id for contract_id, in ids]
    for what, share in DUE:
        some, ids = ids[:round(count * share)], ids[round(count * share):]
        env.cr.execute(SQL(*DUE_STATEMENTS[what], some))
    env.cr.commit()
    env.invalidate_all()


make_due.round = 0
DUE_STATEMENTS = {
    "renewal": ("UPDATE clm_contract SET date_end = CURRENT_DATE - 1 - id %% 5 WHERE id = ANY(%s)",),
    "end": ("""UPDATE clm_contract SET date_end = CURRENT_DATE - 1 - id %% 5, renewal_policy = 'manual'
                WHERE id = ANY(%s)""",),
    "start": ("""UPDATE clm_contract SET state = 'signed', activated_on = NULL, date_start = CURRENT_DATE - id %% 5
                  WHERE id = ANY(%s)""",),
    "reminder": ("""UPDATE clm_contract SET date_act_by = CURRENT_DATE - id %% 5, risk_next = CURRENT_DATE - id %% 5
                     WHERE id = ANY(%s)""",),
    "obligation": ("""UPDATE clm_obligation SET date_due = CURRENT_DATE - 1 - contract_id %% 5, overdue_flagged = FALSE
                       WHERE series_id IS NULL AND state = 'open' AND contract_id = ANY(%s)""",),
}


def tidy(env, *tables):
    env.cr.commit()
    env.cr._cnx.autocommit = True
    for table in tables:
        env.cr.execute(SQL("VACUUM ANALYZE %s", SQL.identifier(table)))
    env.cr._cnx.autocommit = False


# === THE NIGHTLY RUN === #

def nightly(env, stored, due):
    """:return: triple: median seconds of the run with ``due`` contracts due, and with none; how much it did"""
    make_contracts(env, stored)
    env["clm.contract"]._cron_daily()  # warm up, and leave nothing due
    busy, idle, done = [], [], []
    for __ in range(RUNS):
        make_due(env, due)
        tidy(env, "clm_contract", "clm_obligation")
        seconds, handled = timed(env["clm.contract"]._cron_daily)
        busy.append(seconds)
        done.append(handled)
        seconds, handled = timed(env["clm.contract"]._cron_daily)
        assert not handled, f"{handled} were handled twice"
        idle.append(seconds)
    errors = env["clm.contract"].search([("cron_error", "!=", False)])
    assert not errors, errors[:3].mapped("cron_error")
    return statistics.median(busy), statistics.median(idle), statistics.median(done)


# === READING === #

def list_specification(env, model_name):
    """:return: triple of a model, what the web client reads for each row of its list, and the list's order"""
    model = env[model_name]
    arch = etree.fromstring(model.get_views([(False, "list")])["views"]["list"]["arch"])
    specification = {}
    for node in arch.iter("field"):
        name = node.get("name")
        if model._fields[name].type == "many2one":
            specification[name] = {"fields": {"display_name": {}}}
        elif node.get("widget") == "many2many_tags":
            specification[name] = {"fields": {"display_name": {}, "color": {}}}
        else:
            specification[name] = {}
    return model, specification, arch.get("default_order")


def list_reader(env, model_name, domain):
    """:return: function that opens a list, as the web client does"""
    model, specification, order = list_specification(env, model_name)
    return lambda: model.web_search_read(domain, specification, limit=80, order=order or "", count_limit=10001)


def measured(env, *reads):
    """Call functions in turn, so that other load on the machine meets each of them, with an empty cache.

    :return: for each function a pair: median seconds, number of queries
    """
    seconds, queries = [[] for __ in reads], [0] * len(reads)
    for __ in range(READS):
        for number, read in enumerate(reads):
            env.invalidate_all()
            before, start = env.cr.sql_log_count, time.perf_counter()
            read()
            seconds[number].append(time.perf_counter() - start)
            queries[number] = env.cr.sql_log_count - before
    return list(zip(map(statistics.median, seconds), queries, strict=True))


def old_contract(env):
    """:return: a contract with a long history: many versions, rounds, messages and obligations"""
    contract = make_template(env)
    for number in range(30):
        contract.message_post(body=f"Note {number}")
        contract._audit("viewed")
        contract.clause_ids[0]._unlocked().body = f"<p>Wording {number}</p>"
        contract._snapshot()
    contract.obligation_ids = [
        Command.create({"name": f"Duty {number}", "date_due": contract.date_start}) for number in range(60)
    ]
    env.flush_all()
    return contract.with_env(env)


def form_reader(contract):
    """:return: function that reads what the form of a contract shows"""
    specification = Form(contract)._view["fields_spec"]
    return lambda: contract.web_read(specification)


def search_reader(env, word):
    return lambda: env["clm.contract"].search([("text_search", "ilike", word)], limit=80)


def main():
    arguments = parse_arguments(__doc__, few=5_000, many=100_000, due=500)
    with environment(arguments.database) as env:
        figures = []
        for stored in (arguments.few, arguments.many):
            busy, idle, done = nightly(env, stored, arguments.due)
            figures.append((busy, idle))
            print(f"{stored} in force: {arguments.due} due in {busy:.2f} s ({done} handled), none in {idle:.2f} s",
                  flush=True)
        make_orders(env, arguments.many)
        admin = env(user=env.ref("base.user_admin").id)
        orders, contracts = measured(
            admin, list_reader(admin, "sale.order", []),
            list_reader(admin, "clm.contract", [("direction", "=", "customer")]),
        )
        some, one = measured(admin, search_reader(admin, "group7"), search_reader(admin, "number77"))
        young, old = measured(
            admin, form_reader(admin["clm.contract"].search([("name", "=like", "B/%")], limit=1)),
            form_reader(old_contract(admin)),
        )
        print(f"queries: list {contracts[1]}, sales orders {orders[1]}; form {young[1]}, old contract {old[1]}")
        within = [
            report("nightly run", figures[1][0], 1.5 * figures[0][0]),
            report("nightly run with nothing due", figures[1][1], 0.1 * figures[1][0]),
            report("100 lists of contracts", 100 * contracts[0], 1.2 * 100 * orders[0]),
            report("100 searches in the text, for one in a thousand", 100 * some[0], 5.0),
            report("100 searches in the text, for one of all", 100 * one[0], 5.0),
            report("100 forms of an old contract", 100 * old[0], 2.0 * 100 * young[0]),
            max(young[1], old[1]) <= 40,
        ]
        env.cr.rollback()
        return all(within)


if __name__ == "__main__":
    sys.exit(not main())
