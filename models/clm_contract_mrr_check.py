from odoo import api, fields, models
from odoo.tools import SQL

from .clm_contract_billing import IN_FORCE


class ClmContract(models.Model):
    """The self-check of recurring revenue: the same sums, computed another way."""

    _inherit = "clm.contract"

    @api.model
    def _mrr_gap_query(self, company, day):
        """Compare amounts in the currency of the contract; in that of the company also, at the end of a closed month.

        :return: ``SQL``: rows (contract id, day, MRR of its lines, sum of its movements, id of their currency) where
            the two differ
        """
        return SQL(
            """
            WITH rate AS (
                SELECT * FROM unnest(%(currencies)s::int4[], %(rates)s::numeric[]) AS known(currency_id, rate)
            ), expected AS (
                SELECT c.id, SUM(l.monthly_amount) AS amount,
                       ROUND(SUM(l.monthly_amount) * rate.rate, %(digits)s) AS value
                  FROM clm_contract c
                  LEFT JOIN rate ON rate.currency_id = c.currency_id
                  JOIN clm_contract_line l ON l.contract_id = c.id
                 CROSS JOIN LATERAL (
                       SELECT CASE WHEN c.state = 'closed' THEN c.closed_on ELSE c.date_end END AS last_day) e
                 WHERE c.company_id = %(company)s AND c.direction = 'customer' AND c.amends_id IS NULL
                   AND c.state IN %(states)s
                   AND %(day)s >= GREATEST(l.date_start, c.date_start)
                   AND (l.date_end IS NULL OR %(day)s <= l.date_end)
                   AND (e.last_day IS NULL OR %(day)s <= e.last_day OR %(paid)s)
                   AND NOT EXISTS (
                       SELECT FROM clm_contract_suspension s
                        WHERE s.contract_id = c.id AND s.date_from <= %(day)s
                          AND (s.date_to IS NULL OR s.date_to >= %(day)s))
                 GROUP BY c.id, rate.rate
            ), found AS (
                SELECT m.contract_id AS id, SUM(m.amount) AS amount, SUM(m.value) AS value,
                       MIN(m.currency_id) AS currency_id, BOOL_OR(rate.rate IS NOT NULL) AS is_valued
                  FROM clm_mrr_movement m
                  LEFT JOIN rate ON rate.currency_id = m.currency_id
                 WHERE m.company_id = %(company)s AND m.date <= %(day)s
                 GROUP BY m.contract_id
            ), compared AS (
                SELECT id, COALESCE(expected.amount, 0) AS amount, COALESCE(found.amount, 0) AS found_amount,
                       COALESCE(expected.value, 0) AS value, COALESCE(found.value, 0) AS found_value,
                       found.currency_id, COALESCE(found.is_valued, FALSE) AS is_valued
                  FROM expected FULL JOIN found USING (id)
            )
            SELECT id, %(day)s::date, amount, found_amount, COALESCE(currency_id, %(currency)s)
              FROM compared
             WHERE amount != found_amount
             UNION ALL
            SELECT id, %(day)s::date, value, found_value, %(currency)s
              FROM compared
             WHERE amount = found_amount AND is_valued
               -- a rate may make half a cent, which rounds either way
               AND ABS(value - found_value)
                   > CASE WHEN currency_id = %(currency)s THEN 0 ELSE power(10::numeric, -%(digits)s) END
             ORDER BY 1
            """,
            company=company.id, currency=company.currency_id.id, day=day, states=IN_FORCE,
            digits=company.currency_id.decimal_places, paid=self._mrr_paid_condition(day),
            **self._mrr_check_rates(company, day),
        )

    @api.model
    def _mrr_check_rates(self, company, day):
        """:return: dict of two lists, ``currencies`` (ids) and their ``rates``: those in which sums are to agree"""
        own = company.currency_id
        currencies = own
        if company.clm_mrr_closed_on and day <= company.clm_mrr_closed_on and day == fields.Date.end_of(day, "month"):
            # pylint: disable-next=no-search-all
            currencies |= self.env["res.currency"].with_context(active_test=False).search([])
        rates = [
            1.0 if currency == own else currency._get_conversion_rate(currency, own, company, day)
            for currency in currencies
        ]
        return {"currencies": currencies.ids, "rates": rates}

    @api.model
    def _mrr_paid_condition(self, day):
        """:return: ``SQL``: a period charged before the end, and not credited, lasts beyond it"""
        return SQL(
            """
            l.date_end IS NULL AND EXISTS (
                SELECT FROM clm_installment i
                 WHERE i.line_id = l.id AND i.kind = 'charge' AND i.state = 'invoiced' AND i.period_end >= %(day)s)
            AND NOT EXISTS (
                SELECT FROM clm_installment i
                 WHERE i.line_id = l.id AND i.kind = 'credit' AND i.state NOT IN ('skipped', 'credited')
                   AND i.period_start <= %(day)s)
            """,
            day=day,
        )
