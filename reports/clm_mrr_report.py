from odoo import api, fields, models
from odoo.tools import SQL

from ..const import MRR_KINDS

#: How many months are shown, the current one included; a context key of this name says otherwise.
MONTHS_KEY = "clm_mrr_months"
MONTHS = 36
MAX_MONTHS = 600


class ClmMrrReport(models.Model):
    """Monthly recurring revenue: start + changes = end, and how much of it was kept; one row per company and month.

    The present month goes up to today. Rates are those of ``tools/mrr_rates`` over single months, point to point;
    a group of months shows their mean, weighted by what there was at each start. Where nothing can be divided, there
    is no rate. Start and customers at the start are those of the first month of a group, the ends those of the last.

    Cost: movements are added up by customer and month, and only months in which a customer moved are looked at.
    """

    _name = "clm.mrr.report"
    _description = "Recurring Revenue by Month"
    _inherit = "clm.report.mixin"
    _auto = False
    _rec_name = "month"
    _order = "month desc, company_id"
    _depends = {"clm.mrr.movement": ["company_id", "partner_id", "date", "kind", "value"]}

    company_id = fields.Many2one("res.company", readonly=True)
    currency_id = fields.Many2one("res.currency", readonly=True)
    month = fields.Date(readonly=True, help="Its first day.")
    start = fields.Monetary("At Start", readonly=True, aggregator="avg")
    new = fields.Monetary(readonly=True)
    reactivation = fields.Monetary(readonly=True)
    expansion = fields.Monetary(readonly=True)
    contraction = fields.Monetary(readonly=True)
    churn = fields.Monetary(readonly=True)
    transfer = fields.Monetary("Renewed Unchanged", readonly=True)
    fx = fields.Monetary("Exchange Rate", readonly=True)
    end = fields.Monetary("MRR", readonly=True, aggregator="avg", help="At the end of the month, or today.")
    arr = fields.Monetary("ARR", readonly=True, aggregator="avg", help="12 times the monthly value at the end.")
    customers_start = fields.Integer("Customers at Start", readonly=True, aggregator="avg")
    customers_end = fields.Integer("Customers", readonly=True, aggregator="avg")
    customers_new = fields.Integer("New Customers", readonly=True, help="Began to pay, or came back.")
    customers_lost = fields.Integer("Churned Customers", readonly=True, help="Paid at the start and not at the end.")
    nrr = fields.Float(
        "Net Retention", readonly=True, aggregator="avg",
        help="What the customers of the start bring at the end of the month / what they brought.",
    )
    grr = fields.Float(
        "Gross Retention", readonly=True, aggregator="avg", help="As net retention; nobody counts more than before.",
    )
    logo_churn = fields.Float(
        "Customer Churn", readonly=True, aggregator="avg", help="Customers lost / customers at the start.",
    )
    quick_ratio = fields.Float(
        readonly=True, aggregator="avg", help="(New + expansion) / (contraction + churn). None if nothing was lost.",
    )
    # what rates are made of
    paying = fields.Monetary(readonly=True, aggregator="sum", help="Of customers above 0 at the start.")
    kept = fields.Monetary(readonly=True, aggregator="sum", help="What those bring at the end.")
    kept_gross = fields.Monetary(readonly=True, aggregator="sum", help="The same, of each at most what it was.")

    @property
    def _table_query(self) -> SQL:
        return SQL("WITH %s %s %s", self._with(), self._select(), self._from())

    @api.model
    def _days(self) -> SQL:
        """:return: SQL of a table ``day``: per company today, the first month shown and the exchange rate"""
        months = self.env.context.get(MONTHS_KEY)
        months = min(max(months, 1), MAX_MONTHS) if isinstance(months, int) else MONTHS
        own = self.env.company.currency_id
        ids, days, first, rates = [], [], [], []
        for company in self.env.companies:
            today = fields.Date.to_date(self.env.context.get("clm_as_of")) or company._lifecycle_today()
            ids.append(company.id)
            days.append(today)
            first.append(fields.Date.subtract(fields.Date.start_of(today, "month"), months=months - 1))
            rates.append(self.env["res.currency"]._get_conversion_rate(
                company.currency_id, own, self.env.company, today,
            ))
        return SQL(
            "unnest(%s::int4[], %s::date[], %s::date[], %s::numeric[]) AS day(company_id, today, first, rate)",
            ids, days, first, rates,
        )

    @api.model
    def _select(self) -> SQL:
        return SQL(
            """
            SELECT m.company_id::int8 * 100000 + EXTRACT(YEAR FROM m.month)::int4 * 12
                       + EXTRACT(MONTH FROM m.month)::int4 AS id,
                   m.company_id,
                   %(currency)s AS currency_id,
                   m.month,
                   m.rate * m.start AS start,
                   %(kinds)s,
                   m.rate * (m.start + m.change) AS end,
                   m.rate * (m.start + m.change) * 12 AS arr,
                   m.customers_start,
                   m.customers_start + m.joined - m.lost AS customers_end,
                   m.joined AS customers_new,
                   m.lost AS customers_lost,
                   m.rate * m.paying AS paying,
                   m.rate * (m.paying + m.kept) AS kept,
                   m.rate * (m.paying + m.kept_gross) AS kept_gross,
                   ((m.paying + m.kept) / NULLIF(m.paying, 0))::float8 AS nrr,
                   ((m.paying + m.kept_gross) / NULLIF(m.paying, 0))::float8 AS grr,
                   m.lost::float8 / NULLIF(m.customers_start, 0) AS logo_churn,
                   ((m.new + m.expansion) / NULLIF(-m.contraction - m.churn, 0))::float8 AS quick_ratio
            """,
            currency=self.env.company.currency_id.id,
            kinds=SQL(", ").join(
                SQL("m.rate * %s AS %s", SQL.identifier("m", kind), SQL.identifier(kind)) for kind, _ in MRR_KINDS
            ),
        )

    @api.model
    def _from(self) -> SQL:
        return SQL(
            """
              FROM (
                    SELECT day.company_id, day.rate, calendar.month::date AS month, day.first,
                           %(sums)s,
                           COALESCE(c.change, 0) AS change,
                           COALESCE(c.joined, 0) AS joined,
                           COALESCE(c.lost, 0) AS lost,
                           COALESCE(c.kept, 0) AS kept,
                           COALESCE(c.kept_gross, 0) AS kept_gross,
                           COALESCE(SUM(c.change) %(before)s, 0) AS start,
                           COALESCE(SUM(c.paying_change) %(before)s, 0) AS paying,
                           COALESCE(SUM(c.joined - c.lost) %(before)s, 0)::int4 AS customers_start
                      FROM day
                      JOIN (
                            SELECT company_id, MIN(month) AS month FROM by_month GROUP BY company_id
                           ) began ON began.company_id = day.company_id
                     CROSS JOIN generate_series(began.month::timestamp, day.today::timestamp, interval '1 month')
                           AS calendar(month)
                      LEFT JOIN by_month c ON c.company_id = day.company_id AND c.month = calendar.month::date
                   ) m
             WHERE m.month >= m.first
            """,
            sums=SQL(", ").join(
                SQL("COALESCE(%s, 0) AS %s", SQL.identifier("c", kind), SQL.identifier(kind)) for kind, _ in MRR_KINDS
            ),
            before=SQL(
                "OVER (PARTITION BY day.company_id ORDER BY calendar.month"
                " ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
            ),
        )

    @api.model
    def _with(self) -> SQL:
        """:return: SQL of the tables ``day`` and ``by_month``: what moved per company and month"""
        return SQL(
            """
            day AS MATERIALIZED (SELECT * FROM %(days)s),
            moved AS (
                SELECT m.company_id, m.partner_id, date_trunc('month', m.date::timestamp)::date AS month,
                       SUM(m.value) AS change
                  FROM clm_mrr_movement m
                  JOIN day ON day.company_id = m.company_id AND m.date <= day.today
                 GROUP BY 1, 2, 3
            ),
            by_kind AS (
                SELECT m.company_id, date_trunc('month', m.date::timestamp)::date AS month, %(sums)s
                  FROM (SELECT company_id, date, kind, SUM(value) AS value
                          FROM clm_mrr_movement GROUP BY company_id, date, kind) m
                  JOIN day ON day.company_id = m.company_id AND m.date <= day.today
                 GROUP BY 1, 2
            ),
            customer AS (
                SELECT balance.*, balance.after - balance.change AS before
                  FROM (SELECT company_id, month, change,
                               SUM(change) OVER (PARTITION BY company_id, partner_id ORDER BY month) AS after
                          FROM moved) balance
            ),
            by_customer AS (
                SELECT company_id, month,
                       SUM(change) AS change,
                       SUM(GREATEST(after, 0) - GREATEST(before, 0)) AS paying_change,
                       SUM(change) FILTER (WHERE before > 0) AS kept,
                       SUM(LEAST(after, before) - before) FILTER (WHERE before > 0) AS kept_gross,
                       COUNT(*) FILTER (WHERE before <= 0 AND after > 0) AS joined,
                       COUNT(*) FILTER (WHERE before > 0 AND after <= 0) AS lost
                  FROM customer
                 GROUP BY company_id, month
            ),
            by_month AS MATERIALIZED (SELECT * FROM by_kind JOIN by_customer USING (company_id, month))
            """,
            days=self._days(),
            sums=SQL(", ").join(
                SQL("SUM(m.value) FILTER (WHERE m.kind = %s) AS %s", kind, SQL.identifier(kind))
                for kind, _label in MRR_KINDS
            ),
        )

    # === MEASURES === #

    @api.model
    def _measures(self):
        return {
            **super()._measures(),
            "start:avg": lambda query: self._at_edge("start", "ASC", query),
            "customers_start:avg": lambda query: self._at_edge("customers_start", "ASC", query),
            "end:avg": lambda query: self._at_edge("end", "DESC", query),
            "customers_end:avg": lambda query: self._at_edge("customers_end", "DESC", query),
            "arr:avg": lambda query: self._at_edge("arr", "DESC", query),
            "nrr:avg": lambda query: self._ratio("kept", "paying", query),
            "grr:avg": lambda query: self._ratio("kept_gross", "paying", query),
            "logo_churn:avg": lambda query: self._ratio("customers_lost", "customers_start", query),
            "quick_ratio:avg": self._quick_ratio,
        }

    def _column(self, fname, query):
        return self._field_to_sql(self._table, fname, query)

    def _at_edge(self, fname, direction, query) -> SQL:
        """:return: SQL of a balance at the first or last month of a group, added up over companies"""
        return SQL(
            """
            (SELECT SUM(edge.value)
               FROM (SELECT DISTINCT ON (one.company) one.value
                       FROM unnest(array_agg(%s), array_agg(%s), array_agg(%s)) AS one(company, month, value)
                      ORDER BY one.company, one.month %s) edge)
            """,
            self._column("company_id", query), self._column("month", query), self._column(fname, query),
            SQL(direction),
        )

    def _ratio(self, part, whole, query) -> SQL:
        parts, wholes = self._column(part, query), self._column(whole, query)
        return SQL("SUM(%s)::float8 / NULLIF(SUM(%s), 0)::float8", parts, wholes)

    def _quick_ratio(self, query) -> SQL:
        new, more, less, lost = (
            self._column(kind, query) for kind in ("new", "expansion", "contraction", "churn")
        )
        return SQL("(SUM(%s + %s) / NULLIF(-SUM(%s + %s), 0))::float8", new, more, less, lost)

    @api.readonly
    def action_open(self):
        """The movements of the month."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("clm.clm_mrr_movement_action")
        return {
            **action,
            "domain": [
                ("company_id", "=", self.company_id.id), ("date", ">=", self.month),
                ("date", "<=", fields.Date.end_of(self.month, "month")),
            ],
            "context": {},
        }
