from odoo import api, fields, models
from odoo.tools import SQL

from ..const import RENEWAL_POLICIES
from ..tools.transitions import OPEN


class ClmContractRenewalReport(models.Model):
    """Renewals by the day on which the old contract ends: one row for each contract that ends or ended.

    * **Due** is the yearly value of the old contract on its last day, **final** that of its renewal on its first day:
      what is added or amended later changes neither. Both at the rate of the old contract, so that exchange rates
      renew nothing, and in the currency of the company that the user works in.
    * A contract is **renewed** once its renewal is signed, whenever that was: early renewals count in the period of
      the old end. It is **lost** once it ended without one, or notice was given. Everything else is **open**.
    * Rates leave open ones out: renewal rate = renewed / (renewed + lost); gross = sum of min(final, due) / due;
      net = sum of final / due, both over the due value of renewed and lost ones.

    Amendments are no contracts of their own here, and a contract without an end has nothing to renew.
    """

    _name = "clm.contract.renewal.report"
    _description = "Contract Renewals"
    _inherit = "clm.contract.report.mixin"
    _auto = False
    _order = "date_end desc, id desc"
    _depends = {
        "clm.contract": [
            "type_id", "commercial_partner_id", "user_id", "team_id", "company_id", "direction", "state", "amends_id",
            "previous_id", "auto_renewed", "silent_renewal", "date_start", "date_end", "closed_on", "currency_id",
            "company_tcv", "tcv", "decision", "days_to_decide", "terminated_on", "renewal_policy",
        ],
        "clm.contract.line": ["contract_id", "monthly_amount", "date_start", "date_end"],
        "res.company": ["currency_id"],
    }

    successor_id = fields.Many2one("clm.contract", string="Renewal", readonly=True)
    date_end = fields.Date("End", readonly=True, help="The last day of the old contract.")
    renewal_policy = fields.Selection(RENEWAL_POLICIES, string="At the End", readonly=True)
    outcome = fields.Selection(
        [
            ("renewed", "Renewed"), ("auto", "Renewed automatically"), ("silent", "Renewed silently"),
            ("lost", "Lost"), ("open", "Open"),
        ],
        readonly=True,
    )
    renewed = fields.Integer(readonly=True)
    lost = fields.Integer(readonly=True)
    open = fields.Integer(readonly=True)
    due_value = fields.Monetary("Due", readonly=True, help="Yearly value of the old contracts on their last day.")
    decided_value = fields.Monetary("Due and Decided", readonly=True, help="Due value of what was renewed or lost.")
    final_value = fields.Monetary(
        "Renewed Value", readonly=True, help="Yearly value of the renewals on their first day."
    )
    gross_value = fields.Monetary(
        "Kept Value", readonly=True, help="Yearly value of the renewals, of each at most what was due."
    )
    forecast_value = fields.Monetary(
        "Forecast", readonly=True, help="Kept value of renewed ones, and all that is due of open ones."
    )
    renewal_rate = fields.Float(readonly=True, aggregator="avg", help="Renewed / (renewed + lost), by number.")
    gross_rate = fields.Float("Gross Renewal Rate", readonly=True, aggregator="avg", help="Kept value / decided value.")
    net_rate = fields.Float("Net Renewal Rate", readonly=True, aggregator="avg", help="Renewed value / decided value.")
    silent_rate = fields.Float(
        "Silent Renewals", readonly=True, aggregator="avg",
        help="Of those renewed automatically, the share that nobody had decided about.",
    )
    days_to_decide = fields.Float(
        "Days Decided Before Deadline", readonly=True, aggregator="avg",
        help="From the decision to the notice deadline; negative when it came late.",
    )
    currency_id = fields.Many2one("res.currency", readonly=True)

    @property
    def _table_query(self) -> SQL:
        return SQL("%s %s", self._select(), self._from())

    @api.model
    def _select(self) -> SQL:
        return SQL(
            """
            SELECT c.id,
                   %(contract)s,
                   s.id AS successor_id,
                   c.date_end,
                   c.renewal_policy,
                   r.outcome,
                   r.won AS renewed,
                   CASE WHEN r.outcome = 'lost' THEN 1 ELSE 0 END AS lost,
                   CASE WHEN r.outcome = 'open' THEN 1 ELSE 0 END AS open,
                   account_currency_table.rate * r.due AS due_value,
                   account_currency_table.rate * CASE WHEN r.outcome != 'open' THEN r.due ELSE 0 END AS decided_value,
                   account_currency_table.rate * r.won * r.final AS final_value,
                   account_currency_table.rate * r.won * LEAST(r.final, r.due) AS gross_value,
                   account_currency_table.rate * CASE r.outcome
                       WHEN 'open' THEN r.due WHEN 'lost' THEN 0 ELSE LEAST(r.final, r.due) END AS forecast_value,
                   CASE WHEN r.outcome != 'open' THEN r.won END AS renewal_rate,
                   CASE WHEN r.outcome != 'open' THEN LEAST(r.final, r.due) * r.won / NULLIF(r.due, 0) END
                       AS gross_rate,
                   CASE WHEN r.outcome != 'open' THEN r.won * r.final / NULLIF(r.due, 0) END AS net_rate,
                   CASE r.outcome WHEN 'silent' THEN 1 WHEN 'auto' THEN 0 END AS silent_rate,
                   CASE WHEN c.decision IS NOT NULL AND c.terminated_on IS NULL THEN c.days_to_decide END
                       AS days_to_decide,
                   %(currency)s AS currency_id
            """,
            contract=self._select_contract(),
            currency=self.env.company.currency_id.id,
        )

    @api.model
    def _from(self) -> SQL:
        return SQL(
            """
              FROM clm_contract c
              JOIN res_company company ON company.id = c.company_id
              JOIN %(currency_table)s ON account_currency_table.company_id = c.company_id
              LEFT JOIN clm_contract s ON s.previous_id = c.id AND s.state != 'cancelled'
             CROSS JOIN LATERAL (
                   SELECT s.state IN ('signed', 'active') OR s.state = 'closed' AND s.closed_on >= s.date_start
                       AS concluded
                   ) renewal
             CROSS JOIN LATERAL (
                   SELECT CASE WHEN renewal.concluded AND s.silent_renewal THEN 'silent'
                               WHEN renewal.concluded AND s.auto_renewed THEN 'auto'
                               WHEN renewal.concluded THEN 'renewed'
                               WHEN s.state IN %(open)s THEN 'open'
                               WHEN c.state = 'closed' OR c.terminated_on IS NOT NULL THEN 'lost'
                               ELSE 'open' END AS outcome,
                          CASE WHEN renewal.concluded THEN 1 ELSE 0 END AS won,
                          ROUND((%(due)s * %(rate)s)::numeric, 2) AS due,
                          ROUND((%(final)s * %(final_rate)s)::numeric, 2) AS final
                   ) r
             WHERE c.date_end IS NOT NULL
               AND c.amends_id IS NULL
               AND c.state IN ('signed', 'active', 'closed')
            """,
            currency_table=self.env["res.currency"]._get_simple_currency_table(self.env.companies),
            open=tuple(OPEN),
            due=self._yearly_value(SQL("c"), SQL("c.date_end")),
            final=self._yearly_value(SQL("s"), SQL("s.date_start")),
            rate=self._rate(SQL("c")),
            final_rate=SQL(
                "CASE WHEN s.currency_id = c.currency_id THEN %s ELSE %s END",
                self._rate(SQL("c")), self._rate(SQL("s")),
            ),
        )

    @api.model
    def _yearly_value(self, contract, day) -> SQL:
        """:return: SQL of the recurring value per year that a contract has on a day, in its currency"""
        return SQL(
            """
            (SELECT COALESCE(SUM(line.monthly_amount), 0) * 12
               FROM clm_contract_line line
              WHERE line.contract_id = %(contract)s.id
                AND COALESCE(line.date_start, %(day)s) <= %(day)s
                AND COALESCE(line.date_end, %(day)s) >= %(day)s)
            """,
            contract=contract, day=day,
        )

    @api.model
    def _rate(self, contract) -> SQL:
        """:return: SQL of what turns amounts of a contract into the currency of its company, fixed at its start"""
        return SQL(
            """
            CASE WHEN %(contract)s.currency_id = company.currency_id THEN 1
                 ELSE COALESCE(%(contract)s.company_tcv / NULLIF(%(contract)s.tcv, 0), 1) END
            """,
            contract=contract,
        )

    @api.model
    def _measures(self):
        return {
            **super()._measures(),
            "gross_rate:avg": lambda query: self._share_of_decided("gross_value", query),
            "net_rate:avg": lambda query: self._share_of_decided("final_value", query),
        }

    def _share_of_decided(self, fname, query) -> SQL:
        value, decided = (self._field_to_sql(self._table, name, query) for name in (fname, "decided_value"))
        return SQL("(SUM(%s) / NULLIF(SUM(%s), 0))::float8", value, decided)
