"""The page of a customer with 10,000 events, for a salesperson and for a viewer without rights on documents.

    ODOO_RC=odoo.conf python benchmarks/timeline.py DATABASE [--events 10000]

Limits: the whole page in 1 s; the next 40 events, and one kind of events only, in 1 s.
"""

import statistics
import sys

from database import environment, parse_arguments, report, timed
from dataset import copy_rows

from odoo.tests import new_test_user
from odoo.tools import SQL

LIMIT = 1.0
RUNS = 5


def make_customer(env, events):
    """Add a customer with a contact, who has so many events: four in ten are orders, two are quotations, two
    opportunities, two invoices without an order.

    :return: id of the customer
    """
    customer = env["res.partner"].create({"name": "Busy Customer", "is_company": True})
    contact = env["res.partner"].create({"name": "Buyer", "parent_id": customer.id})
    products = env["product.product"].create([
        {"name": f"Article {number}", "type": "service", "list_price": 10.0 + number} for number in range(40)
    ])
    order = env["sale.order"].create({"partner_id": contact.id})
    line = env["sale.order.line"].create({"order_id": order.id, "product_id": products[0].id})
    order.action_confirm()
    lead = env["crm.lead"].create({"name": "Chance", "partner_id": contact.id, "type": "opportunity"})
    env.flush_all()
    date = SQL("date_trunc('second', now()) - (n %% 1800 + 1) * interval '1 day' - n * interval '1 second'")
    own = {"create_date": date, "partner_id": SQL("%s", contact.id)}
    first = next_id(env, "sale_order")
    copy_rows(env, order, 4 * events // 10, {**own, "id": SQL("%s + n - 1", first), "date_order": date})
    copy_rows(env, order, 2 * events // 10, {
        **own, "date_order": date, "state": SQL("'sent'"), "id": SQL("%s + n - 1", first + 4 * events // 10),
    })
    copy_rows(env, lead, 2 * events // 10, own)
    env.cr.execute(SQL("SELECT setval('sale_order_id_seq', (SELECT MAX(id) FROM sale_order))"))
    add_lines(env, line, first, 6 * events // 10, products.ids)
    add_invoices(env, contact, 2 * events // 10, products, date)
    env.cr.commit()
    env.cr._cnx.autocommit = True
    for table in ("res_partner", "sale_order", "sale_order_line", "crm_lead", "account_move", "account_move_line"):
        env.cr.execute(SQL("VACUUM ANALYZE %s", SQL.identifier(table)))
    env.cr._cnx.autocommit = False
    return customer.id


def next_id(env, table):
    env.cr.execute(SQL("SELECT COALESCE(MAX(id), 0) + 1 FROM %s", SQL.identifier(table)))
    return env.cr.fetchone()[0]


def add_lines(env, line, first, orders, product_ids):
    """Give each order three lines."""
    copy_rows(env, line, 3 * orders, {
        "order_id": SQL("%s + (n - 1) / 3", first), "product_id": SQL("(%s::int4[])[n %% 40 + 1]", product_ids),
        "price_subtotal": SQL("n %% 90 + 10"), "product_uom_qty": SQL("n %% 5 + 1"),
    })


def add_invoices(env, contact, count, products, date):
    invoice = env["account.move"].create({
        "partner_id": contact.id, "move_type": "out_invoice", "invoice_date": "2020-01-01",
        "invoice_line_ids": [(0, 0, {"product_id": products[0].id, "price_unit": 10.0, "tax_ids": []})],
    })
    invoice.action_post()
    env.flush_all()
    first = next_id(env, "account_move")
    copy_rows(env, invoice, count, {
        "id": SQL("%s + n - 1", first), "name": SQL("'BENCH/' || n"), "create_date": date,
        "invoice_date": SQL("(%s)::date", date), "date": SQL("(%s)::date", date),
        "sequence_number": SQL("n"), "sequence_prefix": SQL("'BENCH/'"),
    })
    env.cr.execute(SQL("SELECT setval('account_move_id_seq', (SELECT MAX(id) FROM account_move))"))
    for line in invoice.line_ids:
        copy_rows(env, line, count, {
            "move_id": SQL("%s + n - 1", first), "date": SQL("(%s)::date", date),
            "date_maturity": SQL("(%s)::date", date),
        })


def measure(name, function, *args):
    """:return: bool: whether the median of some runs, each with an empty cache, is within the limit"""
    seconds = []
    for _run in range(RUNS):
        function.__self__.env.invalidate_all()
        seconds.append(timed(function, *args)[0])
    return report(name, statistics.median(seconds), LIMIT)


def main():
    arguments = parse_arguments(__doc__, events=10_000)
    with environment(arguments.database) as env:
        customer_id = make_customer(env, arguments.events)
        env["clm.lifecycle.engine"]._rebuild(env["res.partner"].browse(customer_id))
        env.cr.commit()
        found = []
        for login, groups in (
            ("bench-sales", "sales_team.group_sale_salesman_all_leads,account.group_account_invoice"),
            ("bench-viewer", "clm.group_viewer"),
        ):
            user = env["res.users"].search([("login", "=", login)]) or new_test_user(env, login, groups=groups)
            page = env["clm.customer.page"].with_user(user)
            count = page.get_page(customer_id)["timeline"]["count"]
            found += [
                measure(f"{login}: page of a customer with {count} events", page.get_page, customer_id),
                measure(f"{login}: 40 more", page.get_timeline, customer_id, 40),
                measure(f"{login}: the last 40", page.get_timeline, customer_id, count - 40),
                measure(f"{login}: orders only", page.get_timeline, customer_id, 0, 40, ["order"]),
            ]
        env.cr.commit()
    sys.exit(0 if all(found) else 1)


if __name__ == "__main__":
    main()
