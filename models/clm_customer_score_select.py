from datetime import timedelta

from odoo import api, models
from odoo.tools import SQL

from ..tools import health, rhythm
from ..tools.transitions import ACTIVE, CANCELLED
from .clm_contract_risk import LAST_DAYS

#: Half-years of the trend, in days.
HALF, YEAR = health.TREND_DAYS // 2, health.TREND_DAYS
#: Months of recurring revenue in half a year.
HALF_MONTHS = 6
#: For how many days an answer tells about a customer.
ANSWER_DAYS = 365


class ClmCustomerScore(models.Model):
    """What scores are computed from, as it was known at the end of a day.

    Each source is one SELECT with at most one row for each customer. ``params`` of the sources: ``day``; ``stop``, the
    instant at which the next day begins at the main company; ``is_today``.
    """

    _inherit = "clm.customer.score"

    @api.model
    def _params(self, as_of=None):
        """:param date as_of: the day; default: today at the main company"""
        main = self.env["res.company"]._lifecycle_companies()[0]
        today = main._lifecycle_today()
        day = as_of or today
        zone = self.env["res.company"]._lifecycle_timezones()[main.id]
        stop = self.env.execute_query(SQL(
            "SELECT (%s::timestamp AT TIME ZONE %s AT TIME ZONE 'UTC')", day + timedelta(days=1), zone))[0][0]
        return {"day": day, "stop": stop, "is_today": day >= today}

    @api.model
    def _inputs(self, params) -> SQL:
        """:return: SELECT of one row for each customer: whoever ever stood in a stage of customers"""
        return SQL(
            """
            SELECT c.partner_id, b.first_purchase, b.last_purchase, COALESCE(b.purchase_days, 0) AS purchase_days,
                   COALESCE(b.revenue, 0) AS revenue,
                   CASE WHEN b.purchase_days >= %(least)s
                        THEN (b.last_purchase - b.first_purchase)::float8 / (b.purchase_days - 1) END AS own_rhythm,
                   COALESCE(b.recent, 0) + %(months)s * COALESCE(m.mrr_now, 0) AS revenue_recent,
                   COALESCE(b.before, 0) + %(months)s * COALESCE(m.mrr_then, 0) AS revenue_before,
                   LEAST(b.first_purchase, k.since) AS since,
                   d.partner_id IS NOT NULL AS is_invoiced, GREATEST(d.amount, 0) AS overdue_amount,
                   a.kind AS last_kind, a.score AS last_score, a.day AS last_answer,
                   COALESCE(k.running, 0) AS contracts, CASE WHEN k.running > 0 THEN k.missed END AS missed,
                   CASE WHEN k.running > 0 THEN k.notice_risk END AS notice_risk,
                   CASE WHEN k.running > 0 THEN k.notice_on END AS notice_on
              FROM (%(customers)s) c
              LEFT JOIN (%(bought)s) b ON b.partner_id = c.partner_id
              LEFT JOIN (%(recurring)s) m ON m.partner_id = c.partner_id
              LEFT JOIN (%(debts)s) d ON d.partner_id = c.partner_id
              LEFT JOIN (%(contracts)s) k ON k.partner_id = c.partner_id
              LEFT JOIN (%(answers)s) a ON a.partner_id = c.partner_id
            """,
            months=HALF_MONTHS, least=rhythm.LEAST_DAYS, customers=self._input_customers(params),
            bought=self._input_purchases(params), recurring=self._input_recurring(params),
            debts=self._input_debts(params), contracts=self._input_contracts(params),
            answers=self._input_answers(params),
        )

    @api.model
    def _input_customers(self, params) -> SQL:
        # sudo: scores are computed for everybody
        stages = self.env["clm.stage"].sudo().with_context(active_test=False).search([("is_customer", "=", True)])
        return SQL(
            """
            SELECT v.partner_id FROM clm_visit v
             WHERE v.superseded_at IS NULL AND v.stage_id = ANY(%s) AND v.entered_at < %s
             GROUP BY v.partner_id
            """,
            stages.ids, params["stop"],
        )

    @api.model
    def _input_purchases(self, params) -> SQL:
        """Orders and invoices without one, those of a day together; credit notes take money away."""
        return SQL(
            """
            SELECT e.partner_id, MIN(e.day) FILTER (WHERE e.kind != 'refund') AS first_purchase,
                   MAX(e.day) FILTER (WHERE e.kind != 'refund') AS last_purchase,
                   COUNT(DISTINCT CASE WHEN e.kind != 'refund' THEN e.day END)::int4 AS purchase_days,
                   ROUND(SUM(e.money), 2) AS revenue,
                   ROUND(SUM(e.money) FILTER (WHERE e.day > %(half)s), 2) AS recent,
                   ROUND(SUM(e.money) FILTER (WHERE e.day > %(year)s AND e.day <= %(half)s), 2) AS before
              FROM (
                    SELECT x.partner_id, x.day, x.kind, %(money)s AS money FROM (%(events)s) x
                    OFFSET 0  -- the day, which takes long to tell, is computed once
                   ) e
             WHERE e.day <= %(day)s
             GROUP BY e.partner_id
            """,
            money=self._in_main_currency(SQL("x.amount"), SQL("x.company_id")), day=params["day"],
            half=params["day"] - timedelta(days=HALF), year=params["day"] - timedelta(days=YEAR),
            events=self.env["clm.event"]._purchases(SQL("res_partner")),
        )

    @api.model
    def _input_recurring(self, params) -> SQL:
        money = self._in_main_currency(SQL("m.value"), SQL("m.company_id"))
        return SQL(
            """
            SELECT m.partner_id, ROUND(SUM(%(money)s), 2) AS mrr_now,
                   ROUND(SUM(%(money)s) FILTER (WHERE m.date <= %(half)s), 2) AS mrr_then
              FROM clm_mrr_movement m
             WHERE m.date <= %(day)s
             GROUP BY m.partner_id
            """,
            money=money, day=params["day"], half=params["day"] - timedelta(days=HALF),
        )

    @api.model
    def _input_debts(self, params) -> SQL:
        """Who was ever invoiced, and what they owe past the due date, all companies together."""
        if not params["is_today"]:
            return self._input_debts_then(params)
        return SQL(
            """
            SELECT m.commercial_partner_id AS partner_id,
                   ROUND(SUM(%(money)s) FILTER (
                       WHERE m.payment_state IN ('not_paid', 'partial') AND m.invoice_date_due < %(day)s), 2) AS amount
              FROM account_move m
             WHERE m.state = 'posted' AND m.move_type IN ('out_invoice', 'out_refund') AND m.invoice_date <= %(day)s
             GROUP BY m.commercial_partner_id
            """,
            money=self._in_main_currency(SQL("m.amount_residual_signed"), SQL("m.company_id")), day=params["day"],
        )

    @api.model
    def _input_debts_then(self, params) -> SQL:
        """The same of a past day: without what was paid later."""
        return SQL(
            """
            SELECT m.commercial_partner_id AS partner_id,
                   ROUND(SUM(%(money)s) FILTER (WHERE m.invoice_date_due < %(day)s), 2) AS amount
              FROM account_move m
              JOIN account_move_line l ON l.move_id = m.id
              JOIN account_account g ON g.id = l.account_id AND g.account_type = 'asset_receivable'
              LEFT JOIN (
                    SELECT x.line_id, SUM(x.amount) AS amount
                      FROM (
                            SELECT debit_move_id AS line_id, amount, max_date FROM account_partial_reconcile
                             UNION ALL
                            SELECT credit_move_id, -amount, max_date FROM account_partial_reconcile
                           ) x
                     WHERE x.max_date <= %(day)s GROUP BY x.line_id
                   ) r ON r.line_id = l.id
             WHERE m.state = 'posted' AND m.move_type IN ('out_invoice', 'out_refund') AND m.invoice_date <= %(day)s
             GROUP BY m.commercial_partner_id
            """,
            money=self._in_main_currency(SQL("(l.balance - COALESCE(r.amount, 0))"), SQL("m.company_id")),
            day=params["day"],
        )

    @api.model
    def _input_contracts(self, params) -> SQL:
        """Contracts with customers: the first day of one, how many run, our missed obligations and the worst notice.

        Dates and decisions of a past day are those known today.
        """
        return SQL(
            """
            SELECT k.partner_id, MIN(k.date_start) AS since, COUNT(*) FILTER (WHERE k.runs)::int4 AS running,
                   COALESCE(SUM(o.missed) FILTER (WHERE k.runs), 0)::int4 AS missed,
                   COALESCE(MAX(k.risk) FILTER (WHERE k.runs), 0)::float8 AS notice_risk,
                   MIN(k.date_notice) FILTER (WHERE k.runs AND k.risk IS NOT NULL) AS notice_on
              FROM (
                    SELECT k.id, k.commercial_partner_id AS partner_id, k.date_start, k.date_notice,
                           %(runs)s AS runs, %(risk)s AS risk
                      FROM clm_contract k
                     WHERE k.direction = 'customer' AND k.amends_id IS NULL AND k.activated_on <= %(day)s OFFSET 0
                   ) k
              LEFT JOIN (%(missed)s) o ON o.contract_id = k.id
             GROUP BY k.partner_id
            """,
            runs=self._contract_runs(params), missed=self._input_obligations(params), risk=self._notice_risk(params),
            day=params["day"],
        )

    @api.model
    def _contract_runs(self, params) -> SQL:
        """:return: SQL condition on the contract ``k``: it was in force at the end of the day"""
        if params["is_today"]:
            return SQL("k.state = %s", ACTIVE)
        return SQL(
            """
            EXISTS (
                SELECT FROM clm_contract_visit v
                 WHERE v.contract_id = k.id AND v.state = %(active)s AND v.entered_at < %(stop)s
                   AND (v.exited_at IS NULL OR v.exited_at >= %(stop)s)
            )
            """,
            active=ACTIVE, stop=params["stop"],
        )

    @api.model
    def _notice_risk(self, params) -> SQL:
        """:return: SQL of the factor "notice" of the risk of the contract ``k``; NULL: nothing to decide"""
        return SQL(
            """
            CASE WHEN k.date_notice IS NULL OR (k.decision IS NOT NULL AND COALESCE(k.decision_date < %(stop)s, TRUE))
                      OR EXISTS (
                          SELECT FROM clm_contract next
                           WHERE next.previous_id = k.id AND next.state != %(cancelled)s
                             AND next.create_date < %(stop)s
                      ) THEN NULL
                 WHEN k.date_notice - %(day)s <= %(last)s THEN 1.0
                 WHEN %(day)s >= k.date_act_by THEN 0.5
                 ELSE 0.0 END
            """,
            cancelled=CANCELLED, last=LAST_DAYS, **params,
        )

    @api.model
    def _input_obligations(self, params) -> SQL:
        return SQL(
            """
            SELECT o.contract_id, COUNT(*) AS missed FROM clm_obligation o
             WHERE o.side = 'us' AND o.date_due < %(day)s
               AND (o.state = 'open' OR (o.state = 'done' AND o.done_on > %(day)s))
             GROUP BY o.contract_id
            """,
            **params,
        )

    @api.model
    def _input_answers(self, params) -> SQL:
        """The last answer of each customer within a year."""
        return SQL(
            """
            SELECT DISTINCT ON (x.partner_id) x.partner_id, x.kind, x.score, x.date::date AS day
              FROM (%(sources)s) x
             WHERE x.date >= %(since)s AND x.date < %(stop)s AND x.partner_id IS NOT NULL
             ORDER BY x.partner_id, x.date DESC, x.kind
            """,
            sources=SQL(" UNION ALL ").join(self._answer_sources()), stop=params["stop"],
            since=params["stop"] - timedelta(days=ANSWER_DAYS),
        )

    @api.model
    def _answer_sources(self):
        """Hook: list of SELECTs of answers: ``partner_id``, ``kind`` ("nps" or "csat"), ``score``, ``date`` (UTC)"""
        return [
            SQL(
                """
                SELECT f.partner_id, f.kind, f.score::float8 AS score, f.answered_at AS date
                  FROM clm_feedback f WHERE f.state = 'answered'
                """
            ),
            SQL(
                """
                SELECT p.commercial_partner_id, 'csat', r.rating, COALESCE(r.rated_on, r.write_date)
                  FROM rating_rating r JOIN res_partner p ON p.id = r.partner_id
                 WHERE r.consumed AND r.rating BETWEEN 1 AND 5
                """
            ),
        ]

    @api.model
    def _in_main_currency(self, amount, company) -> SQL:
        """:return: SQL of an amount of a company's currency in the main company's, at today's rate"""
        companies = self.env["res.company"]._lifecycle_companies()
        main = companies[0]
        rates = {
            company.id: self.env["res.currency"]._get_conversion_rate(
                company.currency_id, main.currency_id, main, main._lifecycle_today())
            for company in companies
        }
        if set(rates.values()) == {1.0}:
            return amount
        return SQL("%s * (%s)::numeric", amount, self.env["clm.event"]._event_by_company(company, rates))
