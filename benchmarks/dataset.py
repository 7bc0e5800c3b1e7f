"""Make customers and documents by SQL, as many as asked, out of one that the ORM made."""

from odoo.tools import SQL

#: of five events per customer: how many days after the customer became known, which document
PATTERN = (("lead", 10), ("order", 40), ("order", 160), ("order", 700))


def make_customers(env, count, events_per_customer=5):
    """Add customers with their leads and orders, dated over the last ten years.

    :param int count: customers to add
    :param int events_per_customer: 5 are the contact, a lead and three orders; fewer leave out the last
    :return: pair of the first and the last id of the new customers
    """
    partner = env["res.partner"].create({"name": "Benchmark"})
    product = env["product.product"].create({"name": "Benchmark", "type": "service"})
    order = env["sale.order"].create({
        "partner_id": partner.id, "order_line": [(0, 0, {"product_id": product.id, "price_unit": 10.0})],
    })
    order.action_confirm()
    lead = env["crm.lead"].create({"name": "Benchmark", "partner_id": partner.id, "type": "lead"})
    env.flush_all()
    env.cr.execute(SQL("SELECT nextval('res_partner_id_seq') + 1"))
    first = env.cr.fetchone()[0]
    known = SQL("now() - (n %% 3650) * interval '1 day' - (n %% 86400) * interval '1 second'")
    copy_rows(env, partner, count, {
        "id": SQL("%s + n - 1", first), "name": SQL("'Customer ' || n"), "complete_name": SQL("'Customer ' || n"),
        "commercial_partner_id": SQL("%s + n - 1", first), "create_date": known,
    })
    for document, days in PATTERN[: events_per_customer - 1]:
        date = SQL("%s + %s * interval '1 day'", known, days)
        values = {"partner_id": SQL("%s + n - 1", first), "create_date": date}
        if document == "order":
            values |= {"date_order": SQL("date_trunc('second', %s)", date), "partner_invoice_id": values["partner_id"],
                       "partner_shipping_id": values["partner_id"]}
        copy_rows(env, lead if document == "lead" else order, count, values)
    env.cr.execute(SQL("SELECT setval('res_partner_id_seq', %s)", first + count))
    env.cr.execute(SQL("DELETE FROM clm_queue"))
    env.cr.commit()
    env.cr._cnx.autocommit = True
    for table in ("res_partner", "sale_order", "crm_lead", "clm_visit"):
        env.cr.execute(SQL("VACUUM ANALYZE %s", SQL.identifier(table)))
    env.cr._cnx.autocommit = False
    return first, first + count - 1


def copy_rows(env, record, count, values):
    """Copy one row ``count`` times, with other ``values`` (SQL on ``n``, 1 to ``count``)."""
    skip = {"id", "access_token", "lifecycle_stage_id", "purchase_number", *values}
    columns = [
        name for name, field in record._fields.items() if field.store and field.column_type and name not in skip
    ]
    env.cr.execute(SQL(
        "INSERT INTO %s (%s) SELECT %s FROM %s, generate_series(1, %s) n WHERE %s.id = %s",
        SQL.identifier(record._table),
        SQL(", ").join(map(SQL.identifier, [*columns, *values])),
        SQL(", ").join([*(SQL.identifier(record._table, name) for name in columns), *values.values()]),
        SQL.identifier(record._table), count, SQL.identifier(record._table), record.id,
    ))
