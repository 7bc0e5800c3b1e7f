from odoo import api, fields, models
from odoo.tools import SQL

#: documents that add to what is invoiced, and those that take back
INVOICES = ("out_invoice", "out_receipt", "in_invoice", "in_receipt")
REFUNDS = ("out_refund", "in_refund")
#: One key of company and currency: joined on two columns, the planner sorts every contract by every currency.
KEY_STEP = 1 << 31
#: what :meth:`ClmBillingReportMixin._document_lines` reads
DOCUMENT_FIELDS = {
    "account.move": [
        "state", "move_type", "invoice_date", "invoice_date_due", "date", "reversed_entry_id", "amount_total",
    ],
    "account.move.line": [
        "move_id", "clm_contract_id", "clm_installment_id", "display_type", "price_subtotal", "balance", "currency_id",
        "product_id", "parent_state",
    ],
}


class ClmBillingReportMixin(models.AbstractModel):
    """What the money reports of contracts have in common: their day, their rates and the lines of their documents.

    Reports speak as of the day in the context key ``clm_as_of``, by default today where each company is. Documents
    and payments of later days do not exist for them.
    Amounts in the currency of the contract stand beside amounts in that of the company the user works in. Those are
    valued at the rate of the invoice, where there is one, else at that of the day.
    """

    _name = "clm.billing.report.mixin"
    _description = "Money Reports of Contracts"
    _inherit = "clm.contract.report.mixin"

    currency_id = fields.Many2one("res.currency", "Contract Currency", readonly=True)
    company_currency_id = fields.Many2one("res.currency", readonly=True)

    @api.model
    def _as_of(self, company):
        """:return: the day as of which the report speaks"""
        return fields.Date.to_date(self.env.context.get("clm_as_of")) or company._lifecycle_today()

    @api.model
    def _setup(self) -> SQL:
        """:return: SQL of a table ``s`` with a row per company and currency of its contracts: the day, ``rate`` to the
            company's currency, ``company_rate`` from there to that of the user's company, the digits of both
        """
        # pylint: disable-next=no-search-all
        currencies = self.env["res.currency"].with_context(active_test=False).search([])
        own = self.env.company.currency_id
        rows = []
        for company in self.env.companies:
            day = self._as_of(company)
            rates = currencies._get_rates(company, day)
            base = rates[company.currency_id.id]
            shown = self.env["res.currency"]._get_conversion_rate(company.currency_id, own, self.env.company, day)
            rows += [
                (company.id * KEY_STEP + currency.id, base / rates[currency.id], shown, day,
                 currency.decimal_places, company.currency_id.decimal_places)
                for currency in currencies
            ]
        columns = [list(column) for column in zip(*rows, strict=True)]
        types = ("int8", "numeric", "numeric", "date", "int4", "int4")
        return SQL(
            "unnest(%s) AS s(key, rate, company_rate, as_of, digits, company_digits)",
            SQL(", ").join(
                SQL("%s::%s[]", column, SQL(kind))  # pylint: disable=sql-injection
                for column, kind in zip(columns, types, strict=True)
            ),
        )

    @api.model
    def _of_setup(self, contract="c") -> SQL:
        """:return: SQL of the join of table ``s`` to a contract"""
        contract = SQL.identifier(contract)
        return SQL(
            "JOIN %s ON s.key = %s.company_id::int8 * %s + %s.currency_id", self._setup(), contract, KEY_STEP, contract,
        )

    @api.model
    def _contracts_limit(self, column) -> SQL:
        """:return: SQL condition on a column of contract ids: those of the context key ``clm_contract_ids``"""
        ids = self.env.context.get("clm_contract_ids")
        return SQL("%s = ANY(%s)", column, list(ids)) if ids else SQL("TRUE")

    @api.model
    def _document_lines(self) -> SQL:
        """The lines of invoices and bills that name a contract, those that take back a document negative.

        ``root_id`` is the invoice that a credit note is about, or the document itself; ``counts`` whether it is posted
        by the day; ``net`` the amount in contract currency, ``value`` in that of the company, both without taxes.
        """
        sign = SQL("CASE WHEN m.move_type IN %s THEN -1 ELSE 1 END", REFUNDS)
        return SQL(
            """
            SELECT l.id,
                   l.move_id,
                   l.clm_contract_id AS contract_id,
                   l.clm_installment_id AS installment_id,
                   COALESCE(l.clm_installment_id, -l.id) AS key,
                   COALESCE(m.reversed_entry_id, m.id) AS root_id,
                   m.reversed_entry_id IS NOT NULL AS takes_back,
                   m.move_type IN %(refunds)s AS refund,
                   m.state = 'posted' AND document.day <= s.as_of AS counts,
                   m.state = 'draft' AS draft,
                   document.day,
                   c.direction,
                   s.as_of,
                   s.digits,
                   s.company_digits,
                   %(sign)s * m.amount_total AS total,
                   CASE WHEN l.currency_id = c.currency_id THEN %(sign)s * l.price_subtotal
                        ELSE ROUND(document.value / NULLIF(s.rate, 0), s.digits) END AS net,
                   document.value
              FROM account_move_line l
              JOIN account_move m ON m.id = l.move_id
              JOIN clm_contract c ON c.id = l.clm_contract_id
              %(setup)s
             CROSS JOIN LATERAL (
                   SELECT COALESCE(m.invoice_date, m.date) AS day,
                          CASE WHEN c.direction = 'supplier' THEN l.balance ELSE -l.balance END AS value
                   ) document
             WHERE l.display_type = 'product'
               AND m.state IN ('draft', 'posted')
               AND m.move_type IN %(types)s
               AND starts_with(m.move_type, 'in_') = (c.direction = 'supplier')
               AND %(limit)s
            """,
            sign=sign, refunds=REFUNDS, types=INVOICES + REFUNDS, setup=self._of_setup(),
            limit=self._documents_limit(),
        )

    @api.model
    def _documents_limit(self) -> SQL:
        """Of a document of several contracts all lines are needed, and those of its credit notes."""
        if not self.env.context.get("clm_contract_ids"):
            return SQL("TRUE")
        return SQL(
            """
            l.move_id IN (
                WITH root AS (
                    SELECT DISTINCT COALESCE(m.reversed_entry_id, m.id) AS id
                      FROM account_move_line l
                      JOIN account_move m ON m.id = l.move_id
                     WHERE %s
                )
                SELECT id FROM root
                 UNION
                SELECT m.id FROM account_move m JOIN root ON root.id = m.reversed_entry_id
            )
            """,
            self._contracts_limit(SQL("l.clm_contract_id")),
        )

    @api.model
    def _money_columns(self, names, rate=None) -> SQL:
        """:return: SQL of columns: each amount of ``names`` in company currency, then the same in contract currency"""
        return SQL(", ").join(
            column
            for name in names
            for column in (
                SQL("s.company_rate * amounts.%s AS %s", SQL.identifier(f"{name}_value"), SQL.identifier(name)),
                SQL("amounts.%s AS %s", SQL.identifier(name), SQL.identifier(f"{name}_currency")),
            )
        )
