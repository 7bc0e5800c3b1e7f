from odoo import api, fields, models
from odoo.tools import SQL

from ..tools.kinds import PURCHASE_KINDS
from ..tools.kpi_periods import MONTH

#: Rows of the lists of products and categories, and months of the small chart.
TOP_LENGTH = 5
MONTHS = 12
INVOICES = ("out_invoice", "out_receipt", "out_refund")


class ClmCustomerPage(models.AbstractModel):
    """What the customer is worth and buys, from the documents as they are now.

    Revenue, lifetime value and what counts as a purchase are those of the report "Customer Value".
    """

    _inherit = "clm.customer.page"

    # === VALUE === #

    @api.model
    def _prepare_value(self, customer):
        """Money is None for those who see no amounts; counts and days are for everybody."""
        rows, rates, recurring = self._value_rows(customer), self._rates(), self._recurring(customer)
        total, year, lifetime, purchases, purchases_year = 0.0, 0.0, 0.0, 0, 0
        first, last, months = None, None, {}
        for company_id, month, is_recent, count, sold, billed, start, end in rows:
            revenue = rates[company_id] * (sold + billed)
            total += revenue
            purchases += count
            months[month] = months.get(month, 0.0) + revenue
            if is_recent:
                year += revenue
                purchases_year += count
                lifetime += self._worth(company_id) * rates[company_id] * sold
            first = min(filter(None, (first, start)), default=None)
            last = max(filter(None, (last, end)), default=None)
        lifetime += sum(12 * self._worth(owner) * rates[owner] * value for owner, value in recurring.items())
        return {
            "purchases": purchases, "purchases_year": purchases_year,
            "first_purchase": self._day(first), "last_purchase": self._day(last),
            "days_since": (self.env.company._lifecycle_today() - last).days if last else None,
            "revenue": self._money(total), "revenue_year": self._money(year),
            "average": self._money(self._average(rows, rates, purchases)),
            "lifetime": self._money(lifetime),
            "mrr": self._money(sum(rates[owner] * value for owner, value in recurring.items())),
            "months": self._prepare_months(months) if self._sees_amounts() else [],
            **self._prepare_open(customer, rates),
        }

    @api.model
    def _worth(self, company_id):
        company = self.env["res.company"].browse(company_id).sudo()  # sudo: what a year of revenue is worth to us
        return company.clm_customer_years * company.clm_gross_margin

    @api.model
    def _average(self, rows, rates, purchases):
        return sum(rates[row[0]] * row[4] for row in rows) / purchases if purchases else 0.0

    @api.model
    def _recurring(self, customer):
        """:return: dict of id of company -> MRR of today in its currency"""
        rows = self.env["clm.mrr.movement"]._read_group([
            ("partner_id", "=", customer.id), ("date", "<=", self.env.company._lifecycle_today()),
            ("company_id", "in", self.env.companies.ids),
        ], ["company_id"], ["value:sum"])
        return {company.id: value for company, value in rows}

    @api.model
    def _prepare_months(self, revenue):
        """:param revenue: dict of first day of a month -> amount
        :return: the last months, oldest first
        """
        company = self.env.company
        this = fields.Date.start_of(company._lifecycle_today(), "month")
        days = [fields.Date.subtract(this, months=back) for back in range(MONTHS - 1, -1, -1)]
        return [
            {"label": self.env["clm.kpi"]._period_label(MONTH, day, company),
             "value": self._money(revenue.get(day, 0.0)), "goal": None}
            for day in days
        ]

    @api.model
    def _value_rows(self, customer):
        """What was bought by company and month, in the currency of the company, in one query.

        :return: list of tuples: id of company, first day of the month, whether of the last 12 months, purchases,
            sold but for what contracts bill, billed for contracts, first and last day of a purchase
        """
        self.env.flush_all()
        values = self.env["clm.customer.value"]
        sources = []
        for company in self.env.companies:
            today = company._lifecycle_today()
            params = {"company": company.id, "today": today, "year_ago": fields.Date.subtract(today, years=1)}
            sources += [
                SQL(
                    "SELECT %s AS company_id, s.day > %s AS is_recent, s.* FROM (%s) AS s(partner_id, day, purchases,"
                    " ordered, twice, contract_revenue, mrr, contracts) WHERE s.partner_id = %s",
                    company.id, params["year_ago"], source, customer.id,
                ) for source in (
                    self._source_purchases(customer, params), values._source_twice(params),
                    values._source_contract_invoices(params),
                )
            ]
        rows = self.env.execute_query(SQL(
            """
            SELECT company_id, date_trunc('month', day)::date, is_recent, SUM(purchases)::int4, SUM(ordered - twice),
                   SUM(contract_revenue), MIN(day) FILTER (WHERE purchases = 1), MAX(day) FILTER (WHERE purchases = 1)
              FROM (%s) d
             GROUP BY 1, 2, 3
            """,
            SQL(" UNION ALL ").join(sources),
        ))
        return [(*row[:4], float(row[4]), float(row[5]), *row[6:]) for row in rows]

    @api.model
    def _source_purchases(self, customer, params) -> SQL:
        """:return: as ``clm.customer.value._source_purchases``, found by the contacts of one customer"""
        return SQL(
            """
            SELECT e.partner_id, e.day, CASE WHEN e.kind = 'refund' THEN 0 ELSE 1 END, e.amount, 0, 0, 0, 0
              FROM (%(events)s) e
             WHERE e.kind IN %(kinds)s AND e.company_id = %(company)s AND e.day <= %(today)s
            """,
            events=self.env["clm.event"]._purchases_of(SQL("%s", customer.id)), kinds=(*PURCHASE_KINDS, "refund"),
            **params,
        )

    @api.model
    def _prepare_open(self, customer, rates):
        """What the customer owes on posted invoices, less what was paid or credited already."""
        domain = [
            ("partner_id.commercial_partner_id", "=", customer.id), ("parent_state", "=", "posted"),
            ("account_type", "=", "asset_receivable"), ("reconciled", "=", False),
            ("company_id", "in", self.env.companies.ids),
        ]
        today = self.env.company._lifecycle_today()
        # sudo: how much is owed and since when, for people without rights on invoices
        lines = self.env["account.move.line"].sudo().with_context(active_test=False)
        owed = lines._read_group(domain, ["company_id"], ["amount_residual:sum"])
        late = lines._read_group(
            [*domain, ("date_maturity", "<", today), ("amount_residual", ">", 0)],
            ["company_id"], ["amount_residual:sum", "move_id:count_distinct", "date_maturity:min"],
        )
        return {
            "open": self._money(sum(rates[company.id] * amount for company, amount in owed)),
            "overdue": self._money(sum(rates[row[0].id] * row[1] for row in late)),
            "overdue_count": sum(row[2] for row in late),
            "overdue_since": self._day(min((row[3] for row in late), default=None)),
        }

    # === PRODUCTS === #

    @api.model
    def _prepare_products(self, customer):
        """The products and categories bought for most money."""
        rates, products, categories = self._rates(), {}, {}
        for product_id, category_id, company_id, quantity, amount, times, last in self._product_rows(customer):
            for key, sums in ((product_id, products), (category_id, categories)):
                known = sums.setdefault(key, {"quantity": 0.0, "amount": 0.0, "times": 0, "last": last})
                known["quantity"] += float(quantity)
                known["amount"] += rates[company_id] * float(amount)
                known["times"] += times
                known["last"] = max(known["last"], last)
        whole = sum(row["amount"] for row in products.values())
        # sudo: names of what was bought, for people without rights on products
        env = self.sudo().with_context(display_default_code=False).env
        return {
            "count": len(products),
            "products": self._prepare_top(env["product.product"], products, whole),
            "categories": self._prepare_top(env["product.category"], categories, whole),
        }

    @api.model
    def _prepare_top(self, model, sums, whole):
        """:param model: of the keys of ``sums``
        :param float whole: amount of which the share is told
        """
        top = sorted(sums, key=lambda key: (-sums[key]["amount"], -sums[key]["times"], key or 0))[:TOP_LENGTH]
        names = {record.id: record.name if model._name == "product.category" else record.display_name
                 for record in model.browse(filter(None, top))}
        return [
            {
                "id": key or 0, "name": names.get(key) or self.env._("Without category"),
                "quantity": round(sums[key]["quantity"], 2), "times": sums[key]["times"],
                "last": self._day(sums[key]["last"]), "amount": self._money(sums[key]["amount"]),
                "share": max(sums[key]["amount"], 0.0) / whole if whole > 0 and self._sees_amounts() else None,
            }
            for key in top
        ]

    @api.model
    def _product_rows(self, customer):
        """What was ordered, and invoiced without an order, by product and company, in one query. What a contract bills
        counts once, as invoiced; credit notes count negative.

        :return: list of tuples: ids of product, category and company, quantity in the unit of the product, amount in
            the currency of the company, number of documents, last day
        """
        self.env.flush_all()
        return self.env.execute_query(SQL(
            """
            SELECT d.product_id, t.categ_id, d.company_id, SUM(d.quantity * COALESCE(u.factor / pu.factor, 1)),
                   SUM(d.amount), COUNT(DISTINCT d.document) FILTER (WHERE d.quantity > 0), MAX(d.day)
              FROM (%(orders)s UNION ALL %(invoices)s) d
              JOIN product_product v ON v.id = d.product_id
              JOIN product_template t ON t.id = v.product_tmpl_id
              LEFT JOIN uom_uom u ON u.id = d.uom_id
              LEFT JOIN uom_uom pu ON pu.id = t.uom_id
             GROUP BY d.product_id, t.categ_id, d.company_id
            """,
            orders=self._product_orders(customer), invoices=self._product_invoices(customer),
        ))

    @api.model
    def _product_orders(self, customer) -> SQL:
        return SQL(
            """
            SELECT l.product_id, o.company_id, l.product_uom_qty AS quantity, l.product_uom_id AS uom_id,
                   l.price_subtotal / COALESCE(NULLIF(o.currency_rate, 0), 1) AS amount, 2 * o.id AS document,
                   (o.date_order AT TIME ZONE 'UTC' AT TIME ZONE %s)::date AS day
              FROM res_partner p
              JOIN sale_order o ON o.partner_id = p.id AND o.state = 'sale' AND o.company_id = ANY(%s)
              JOIN sale_order_line l ON l.order_id = o.id
             WHERE p.commercial_partner_id = %s AND l.display_type IS NULL AND l.product_id IS NOT NULL
               AND l.is_downpayment IS NOT TRUE
               AND NOT EXISTS (
                   SELECT FROM clm_contract_line k JOIN clm_contract b ON b.id = k.contract_id
                    WHERE k.sale_line_id = l.id AND b.state != 'cancelled' AND b.billing_mode != 'none'
                   )
            """,
            self.env["clm.event"]._event_timezone(SQL("o.company_id")), self.env.companies.ids, customer.id,
        )

    @api.model
    def _product_invoices(self, customer) -> SQL:
        return SQL(
            """
            SELECT l.product_id, m.company_id, CASE WHEN m.move_type = 'out_refund' THEN -1 ELSE 1 END * l.quantity,
                   l.product_uom_id, -l.balance, 2 * m.id + 1, COALESCE(m.invoice_date, m.date)
              FROM res_partner p
              JOIN account_move m ON m.partner_id = p.id AND m.state = 'posted' AND m.company_id = ANY(%s)
               AND m.move_type IN %s
              JOIN account_move_line l ON l.move_id = m.id
             WHERE p.commercial_partner_id = %s AND l.display_type = 'product' AND l.product_id IS NOT NULL
               AND NOT EXISTS (SELECT FROM sale_order_line_invoice_rel r WHERE r.invoice_line_id = l.id)
            """,
            self.env.companies.ids, INVOICES, customer.id,
        )
