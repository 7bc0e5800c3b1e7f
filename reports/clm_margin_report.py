from odoo import api, fields, models
from odoo.tools import SQL

from .clm_billing_report import REPORT_GROUPS
from .clm_billing_report_mixin import DOCUMENT_FIELDS

SOURCES = [
    ("analytic", "Analytic items"),
    ("product", "Invoices and product cost"),
    ("bill", "Vendor bills"),
    ("none", "Nothing yet"),
]


class ClmMarginReport(models.Model):
    """What a contract brings and costs: one row per contract that is or was in force.

    Where the analytic account of the contract has items, they are what counts: invoices, vendor bills, timesheets.
    Items of income accounts are revenue, everything else is cost. An account of several contracts: items of
    invoices count for the contract that they name, all others in equal parts.
    Without items, revenue is what was invoiced less credit notes, and cost the product's cost for the invoiced
    quantity; vendor bills are the cost of supplier contracts. All that is posted counts.
    """

    _name = "clm.margin.report"
    _description = "Contract Margin"
    _inherit = "clm.billing.report.mixin"
    _auto = False
    _order = "margin desc, contract_id"
    _depends = {
        **DOCUMENT_FIELDS,
        "clm.contract": [
            "type_id", "commercial_partner_id", "user_id", "team_id", "company_id", "direction", "currency_id", "state",
            "amends_id", "analytic_account_id",
        ],
        "clm.contract.line": ["product_id", "quantity"],
        "clm.installment": ["contract_id", "line_id", "share", "move_line_id", "state"],
        "product.product": ["standard_price"],
        "account.analytic.line": ["amount", "company_id", "general_account_id", "move_line_id", "account_id"],
        "account.account": ["account_type"],
    }

    source = fields.Selection(SOURCES, readonly=True)
    revenue = fields.Monetary(currency_field="company_currency_id", readonly=True)
    cost = fields.Monetary(currency_field="company_currency_id", readonly=True)
    margin = fields.Monetary(currency_field="company_currency_id", readonly=True, help="Revenue - cost.")
    margin_percent = fields.Float("Margin %", readonly=True, aggregator="avg", help="Margin / revenue.")

    @property
    def _table_query(self) -> SQL:
        return SQL("%s %s", self._select(), self._from())

    @api.model
    def _select(self) -> SQL:
        return SQL(
            """
            SELECT c.id,
                   %(contract)s,
                   c.currency_id,
                   %(currency)s AS company_currency_id,
                   figures.source,
                   s.company_rate * figures.revenue AS revenue,
                   s.company_rate * figures.cost AS cost,
                   s.company_rate * (figures.revenue - figures.cost) AS margin,
                   ((figures.revenue - figures.cost) / NULLIF(figures.revenue, 0))::float8 AS margin_percent
            """,
            contract=self._select_contract(), currency=self.env.company.currency_id.id,
        )

    @api.model
    def _from(self) -> SQL:
        return SQL(
            """
              FROM clm_contract c
              %(setup)s
              LEFT JOIN (%(items)s) item ON item.contract_id = c.id
              LEFT JOIN (
                    SELECT line.contract_id, SUM(line.value) AS amount
                      FROM (%(lines)s) line WHERE line.counts GROUP BY line.contract_id
                   ) billed ON billed.contract_id = c.id
              LEFT JOIN (%(costs)s) product ON product.contract_id = c.id
             CROSS JOIN LATERAL (
                   SELECT CASE WHEN item.contract_id IS NOT NULL THEN 'analytic'
                               WHEN billed.contract_id IS NULL THEN 'none'
                               WHEN c.direction = 'supplier' THEN 'bill' ELSE 'product' END AS source
                   ) chosen
             CROSS JOIN LATERAL (
                   SELECT chosen.source,
                          CASE chosen.source WHEN 'analytic' THEN item.revenue
                               WHEN 'product' THEN billed.amount ELSE 0 END AS revenue,
                          ROUND(CASE chosen.source WHEN 'analytic' THEN item.cost
                               WHEN 'product' THEN COALESCE(product.cost, 0)
                               WHEN 'bill' THEN billed.amount ELSE 0 END, s.company_digits) AS cost
                   ) figures
             WHERE c.amends_id IS NULL AND c.state IN ('signed', 'active', 'closed') AND %(limit)s
            """,
            setup=self._of_setup(), items=self._analytic_items(), lines=self._document_lines(),
            costs=self._product_costs(), limit=self._contracts_limit(SQL("c.id")),
        )

    @api.model
    def _analytic_items(self) -> SQL:
        """:return: SQL of revenue and cost per contract from the items of its analytic account, whatever its plan"""
        columns = sorted({
            plan._column_name()
            for plan in self.env["account.analytic.plan"].sudo().search([("parent_id", "=", False)])  # sudo: names only
        })
        items = SQL(" UNION ALL ").join(
            SQL(
                "SELECT %s AS account_id, item.amount, item.company_id, item.general_account_id, item.move_line_id"
                " FROM account_analytic_line item WHERE %s IS NOT NULL",
                SQL.identifier("item", column), SQL.identifier("item", column),
            )
            for column in columns
        )
        return SQL(
            """
            SELECT c.id AS contract_id,
                   ROUND(COALESCE(SUM(part.amount) FILTER (WHERE part.is_revenue), 0), s.company_digits) AS revenue,
                   ROUND(COALESCE(-SUM(part.amount) FILTER (WHERE NOT part.is_revenue), 0), s.company_digits) AS cost
              FROM clm_contract c
              %(setup)s
              JOIN (
                    SELECT analytic_account_id, company_id, COUNT(*) AS contracts, array_agg(id) AS ids
                      FROM clm_contract
                     WHERE analytic_account_id IS NOT NULL AND amends_id IS NULL
                       AND state IN ('signed', 'active', 'closed')
                     GROUP BY analytic_account_id, company_id
                   ) sharing ON sharing.analytic_account_id = c.analytic_account_id
                            AND sharing.company_id = c.company_id
              JOIN (%(items)s) item ON item.account_id = c.analytic_account_id AND item.company_id = c.company_id
              LEFT JOIN account_move_line l ON l.id = item.move_line_id
              LEFT JOIN account_account a ON a.id = item.general_account_id
             CROSS JOIN LATERAL (
                   SELECT CASE WHEN l.clm_contract_id = c.id THEN item.amount
                               WHEN l.clm_contract_id = ANY(sharing.ids) THEN NULL
                               ELSE item.amount / sharing.contracts END AS amount,
                          CASE WHEN a.id IS NULL THEN item.amount > 0
                               ELSE a.account_type IN ('income', 'income_other') END AS is_revenue
                   ) part
             WHERE part.amount IS NOT NULL AND %(limit)s
             GROUP BY c.id, s.company_digits
            """,
            setup=self._of_setup(), items=items, limit=self._contracts_limit(SQL("c.id")),
        )

    @api.model
    def _product_costs(self) -> SQL:
        """:return: SQL of what the products of the invoiced rows cost per contract, at their cost of today"""
        return SQL(
            """
            SELECT i.contract_id,
                   SUM(i.share * cl.quantity * COALESCE((p.standard_price ->> c.company_id::text)::numeric, 0)) AS cost
              FROM clm_installment i
              JOIN clm_contract c ON c.id = i.contract_id
              JOIN account_move_line l ON l.id = i.move_line_id AND l.parent_state = 'posted'
              JOIN clm_contract_line cl ON cl.id = i.line_id
              JOIN product_product p ON p.id = cl.product_id
             WHERE i.state = 'invoiced' AND %s
             GROUP BY i.contract_id
            """,
            self._contracts_limit(SQL("i.contract_id")),
        )

    @api.model
    def _measures(self):
        return {**super()._measures(), "margin_percent:avg": self._margin_percent}

    def _margin_percent(self, query) -> SQL:
        margin, revenue = (self._field_to_sql(self._table, name, query) for name in ("margin", "revenue"))
        return SQL("(SUM(%s) / NULLIF(SUM(%s), 0))::float8", margin, revenue)


class ClmContract(models.Model):
    """The figures of the money reports on the contract itself, for those who may read the reports."""

    _inherit = "clm.contract"

    margin = fields.Monetary(
        compute="_compute_margin", currency_field="company_currency_id", groups=REPORT_GROUPS, help="Revenue - cost.",
    )
    margin_percent = fields.Float("Margin %", compute="_compute_margin", groups=REPORT_GROUPS)
    margin_source = fields.Selection(SOURCES, "Margin From", compute="_compute_margin", groups=REPORT_GROUPS)
    leakage = fields.Monetary(
        compute="_compute_leakage", currency_field="company_currency_id", groups=REPORT_GROUPS,
        help="Contracted to date and not invoiced, or credited.",
    )
    outstanding = fields.Monetary(
        compute="_compute_leakage", currency_field="company_currency_id", groups=REPORT_GROUPS,
        help="Invoiced, neither credited nor collected; without taxes.",
    )

    def _compute_margin(self):
        rows = self._read_report("clm.margin.report", ["margin:sum", "margin_percent:avg", "source:array_agg"])
        for contract in self:
            margin, percent, sources = rows.get(contract.id, (0.0, 0.0, ["none"]))
            contract.margin = margin
            contract.margin_percent = percent or 0.0
            contract.margin_source = sources[0]

    def _compute_leakage(self):
        rows = self._read_report("clm.billing.report", ["leakage:sum", "outstanding:sum"])
        for contract in self:
            contract.leakage, contract.outstanding = rows.get(contract.id, (0.0, 0.0))

    def _read_report(self, model, aggregates):
        """:return: dict of contract id -> tuple of aggregates, in the currency of the contract's company"""
        found = {}
        for company, contracts in self.grouped("company_id").items():
            report = self.env[model].with_company(company).with_context(
                allowed_company_ids=company.ids, clm_contract_ids=contracts._origin.ids,
            )
            groups = report._read_group([("contract_id", "in", contracts._origin.ids)], ["contract_id"], aggregates)
            found.update({contract.id: tuple(values) for contract, *values in groups})
        return found

    @api.readonly
    def action_open_reconciliation(self):
        """What was contracted, invoiced and collected of these contracts, row by row."""
        self.env["clm.billing.report"].check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id("clm.clm_billing_report_action")
        return {
            **action,
            "domain": [("contract_id", "in", self.ids)],
            "context": {"clm_contract_ids": self.ids, "search_default_due": 1},
            "views": [(False, "list"), (False, "pivot"), (False, "graph")],
            "view_mode": "list,pivot,graph",
        }

    @api.readonly
    def action_open_margin(self):
        """Revenue and cost of these contracts."""
        self.env["clm.margin.report"].check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id("clm.clm_margin_report_action")
        return {
            **action, "domain": [("contract_id", "in", self.ids)], "context": {"clm_contract_ids": self.ids},
            "views": [(False, "list"), (False, "pivot"), (False, "graph")], "view_mode": "list,pivot,graph",
        }
