from odoo import api, fields, models
from odoo.tools import SQL

from ..const import SIDES


class ClmClaimReport(models.Model):
    """How quickly claims are answered and settled: one row for each claim.

    A claim that waits has no days yet. An answer is in time on the last day to answer, where the company is.
    """

    _name = "clm.claim.report"
    _description = "Claims Analysis"
    _inherit = "clm.contract.report.mixin"
    _auto = False
    _order = "date_open desc, id desc"
    _depends = {
        "clm.claim": ["contract_id", "user_id", "side", "state", "date_open", "date_due", "answered_at", "closed_at"],
        "clm.contract": ["type_id", "commercial_partner_id", "user_id", "team_id", "company_id", "direction"],
        "res.company": ["lifecycle_tz"],
        "res.partner": ["tz"],
    }

    claim_id = fields.Many2one("clm.claim", readonly=True)
    owner_id = fields.Many2one("res.users", string="Claim Owner", readonly=True)
    side = fields.Selection(SIDES, string="Raised By", readonly=True)
    state = fields.Selection(
        [("open", "Open"), ("answered", "Answered"), ("accepted", "Settled"), ("escalated", "Escalated")], readonly=True
    )
    date_open = fields.Datetime("Raised On", readonly=True)
    closed_at = fields.Datetime("Settled On", readonly=True)
    days_to_answer = fields.Float("Average Days to Answer", readonly=True, aggregator="avg")
    days_to_resolve = fields.Float("Average Days to Settle", readonly=True, aggregator="avg")
    resolve_median = fields.Float(
        "Median Days to Settle", readonly=True, aggregator="avg", help="Half of the claims were settled in fewer days."
    )
    resolve_p90 = fields.Float(
        "P90 Days to Settle", readonly=True, aggregator="avg", help="Nine of ten claims were settled in fewer days."
    )
    in_time = fields.Float(
        "Answered in Time", readonly=True, aggregator="avg", help="Of those answered, or due for an answer by now."
    )
    waiting = fields.Integer("Not Settled", readonly=True)
    escalated = fields.Integer(readonly=True)

    @property
    def _table_query(self) -> SQL:
        return SQL("%s %s", self._select(), self._from())

    @api.model
    def _select(self) -> SQL:
        return SQL(
            """
            SELECT claim.id,
                   claim.id AS claim_id,
                   %s,
                   claim.user_id AS owner_id,
                   claim.side,
                   claim.state,
                   claim.date_open,
                   claim.closed_at,
                   EXTRACT(EPOCH FROM claim.answered_at - claim.date_open) / 86400 AS days_to_answer,
                   t.days AS days_to_resolve,
                   t.days AS resolve_median,
                   t.days AS resolve_p90,
                   CASE WHEN t.answered <= claim.date_due THEN 1
                        WHEN COALESCE(t.answered, tz.today) > claim.date_due THEN 0 END AS in_time,
                   CASE WHEN claim.state != 'accepted' THEN 1 ELSE 0 END AS waiting,
                   CASE WHEN claim.state = 'escalated' THEN 1 ELSE 0 END AS escalated
            """,
            self._select_contract(),
        )

    @api.model
    def _from(self) -> SQL:
        return SQL(
            """
              FROM clm_claim claim
              JOIN clm_contract c ON c.id = claim.contract_id
              %s
             CROSS JOIN LATERAL (
                   SELECT (claim.answered_at AT TIME ZONE 'UTC' AT TIME ZONE tz.zone)::date AS answered,
                          CASE WHEN claim.state = 'accepted' THEN
                              EXTRACT(EPOCH FROM claim.closed_at - claim.date_open) / 86400 END AS days
                   ) t
            """,
            self._from_contract(),
        )

    @api.model
    def _measures(self):
        return {
            **super()._measures(),
            "resolve_median:avg": self._median("resolve_median"),
            "resolve_p90:avg": self._p90("resolve_p90"),
        }
