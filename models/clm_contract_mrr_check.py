from odoo import api, models
from odoo.tools import SQL

from .clm_contract_billing import IN_FORCE


class ClmContract(models.Model):
    """The self-check of recurring revenue: the same sums, computed another way."""

    _inherit = "clm.contract"

    @api.model
    def _mrr_gap_query(self, company, day):
        """:return: ``SQL``: rows (contract id, day, MRR of its lines, sum of its movements) where the two differ"""
        return SQL(
            """
            WITH expected AS (
                SELECT c.id, SUM(l.monthly_amount) AS amount
                  FROM clm_contract c
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
                 GROUP BY c.id
            ), found AS (
                SELECT contract_id AS id, SUM(amount) AS amount
                  FROM clm_mrr_movement
                 WHERE company_id = %(company)s AND date <= %(day)s
                 GROUP BY contract_id
            )
            SELECT id, %(day)s::date, COALESCE(expected.amount, 0), COALESCE(found.amount, 0)
              FROM expected FULL JOIN found USING (id)
             WHERE COALESCE(expected.amount, 0) != COALESCE(found.amount, 0)
             ORDER BY id
            """,
            company=company.id, day=day, states=IN_FORCE, paid=self._mrr_paid_condition(day),
        )

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
