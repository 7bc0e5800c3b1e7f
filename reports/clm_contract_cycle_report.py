from odoo import api, fields, models
from odoo.tools import SQL

from ..models.clm_contract import STATE_LABELS
from ..tools.transitions import OPEN, STATES


class ClmContractCycleReport(models.Model):
    """How long it takes to make a contract: one row for each contract and amendment.

    The cycle goes from the first draft to the last signature. Only what was signed has one; what was given up is
    counted apart, and renewals that the daily run concluded by itself have none. Time in a state, and on a side, is
    the sum of the stays until the signature; where that is still to come, up to now. Parts add up to the cycle, but
    for the time that a contract lay cancelled.
    """

    _name = "clm.contract.cycle.report"
    _description = "Contract Cycle Time"
    _inherit = "clm.contract.report.mixin"
    _auto = False
    _order = "requested_at desc, id desc"
    _depends = {
        "clm.contract.visit": ["contract_id", "state", "pen", "entered_at", "exited_at"],
        "clm.contract.approval": ["contract_id", "round", "decided_at", "first_pass"],
        "clm.contract": [
            "type_id", "commercial_partner_id", "user_id", "team_id", "company_id", "direction", "state", "amends_id",
            "previous_id", "auto_renewed",
        ],
    }

    state = fields.Selection([(state, STATE_LABELS[state]) for state in STATES], readonly=True)
    kind = fields.Selection(
        [
            ("new", "New contract"), ("renewal", "Renewal"), ("automatic", "Automatic renewal"),
            ("amendment", "Amendment"),
        ],
        readonly=True,
    )
    requested_at = fields.Datetime("Begun On", readonly=True)
    signed_at = fields.Datetime("Signed On", readonly=True, help="The last signature, as it was recorded.")
    cycle_median = fields.Float(
        "Median Cycle Days", readonly=True, aggregator="avg", help="From first draft to last signature."
    )
    cycle_p90 = fields.Float(
        "P90 Cycle Days", readonly=True, aggregator="avg", help="Nine of ten contracts were signed in fewer days."
    )
    cycle_days = fields.Float(
        "Average Cycle Days", readonly=True, aggregator="avg", help="From first draft to last signature."
    )
    draft_days = fields.Float("Days in Draft", readonly=True, aggregator="avg")
    negotiation_days = fields.Float("Days in Negotiation", readonly=True, aggregator="avg")
    approval_days = fields.Float("Days in Approval", readonly=True, aggregator="avg")
    signature_days = fields.Float(
        "Days in Signature", readonly=True, aggregator="avg", help="From the request to the last signature."
    )
    our_days = fields.Float("Days on Our Side", readonly=True, aggregator="avg", help="While we had to act.")
    their_days = fields.Float(
        "Days on Their Side", readonly=True, aggregator="avg", help="While the other party had to act."
    )
    rounds = fields.Float(
        "Negotiation Rounds", readonly=True, aggregator="avg",
        help="How often the other party got the text to negotiate.",
    )
    signed = fields.Integer(readonly=True, help="Signed by all sides, automatic renewals aside.")
    abandoned = fields.Integer(readonly=True, help="Cancelled before they were signed.")
    abandoned_days = fields.Float(
        "Days until Abandoned", readonly=True, aggregator="avg", help="From first draft to cancelled."
    )
    submitted = fields.Integer("Submitted for Approval", readonly=True)
    first_pass = fields.Float(
        "First-Pass Approval", readonly=True, aggregator="avg",
        help="Share that was approved in the first round, of those that were decided or asked for again.",
    )

    @property
    def _table_query(self) -> SQL:
        return SQL("%s %s", self._select(), self._from())

    @api.model
    def _select(self) -> SQL:
        return SQL(
            """
            SELECT c.id,
                   %s,
                   c.state,
                   %s AS kind,
                   v.requested_at,
                   v.signed_at,
                   cycle.days AS cycle_days,
                   cycle.days AS cycle_median,
                   cycle.days AS cycle_p90,
                   v.draft_days,
                   v.negotiation_days,
                   v.approval_days,
                   v.signature_days,
                   v.our_days,
                   v.their_days,
                   v.rounds,
                   CASE WHEN cycle.days IS NOT NULL THEN 1 ELSE 0 END AS signed,
                   CASE WHEN c.state = 'cancelled' THEN 1 ELSE 0 END AS abandoned,
                   CASE WHEN c.state = 'cancelled' THEN
                       EXTRACT(EPOCH FROM v.cancelled_at - v.requested_at) / 86400
                   END AS abandoned_days,
                   CASE WHEN a.contract_id IS NOT NULL THEN 1 ELSE 0 END AS submitted,
                   a.first_pass
            """,
            self._select_contract(), self._select_kind(),
        )

    @api.model
    def _select_kind(self) -> SQL:
        return SQL(
            """
            CASE WHEN c.amends_id IS NOT NULL THEN 'amendment'
                 WHEN c.auto_renewed THEN 'automatic'
                 WHEN c.previous_id IS NOT NULL THEN 'renewal'
                 ELSE 'new' END
            """
        )

    @api.model
    def _from(self) -> SQL:
        return SQL(
            """
              FROM clm_contract c
              JOIN (%s) v ON v.contract_id = c.id
              LEFT JOIN (%s) a ON a.contract_id = c.id
             CROSS JOIN LATERAL (
                   SELECT CASE WHEN c.auto_renewed IS NOT TRUE THEN
                       EXTRACT(EPOCH FROM v.signed_at - v.requested_at) / 86400 END AS days
                   ) cycle
            """,
            self._visits(), self._approvals(),
        )

    @api.model
    def _visits(self) -> SQL:
        """:return: SQL of begin, signature and days by state and side of each contract"""
        return SQL(
            """
            SELECT contract_id,
                   MIN(entered_at) AS requested_at,
                   MIN(entered_at) FILTER (WHERE state = 'signed') AS signed_at,
                   MAX(entered_at) FILTER (WHERE state = 'cancelled') AS cancelled_at,
                   COALESCE(SUM(days) FILTER (WHERE state = 'draft'), 0) AS draft_days,
                   COALESCE(SUM(days) FILTER (WHERE state = 'negotiation'), 0) AS negotiation_days,
                   COALESCE(SUM(days) FILTER (WHERE state = 'approval'), 0) AS approval_days,
                   COALESCE(SUM(days) FILTER (WHERE state = 'signature'), 0) AS signature_days,
                   COALESCE(SUM(days) FILTER (WHERE pen = 'us' AND state IN %(open)s), 0) AS our_days,
                   COALESCE(SUM(days) FILTER (WHERE pen = 'them' AND state IN %(open)s), 0) AS their_days,
                   COUNT(*) FILTER (WHERE state = 'negotiation' AND pen = 'them') AS rounds
              FROM (SELECT contract_id, state, pen, entered_at,
                           EXTRACT(EPOCH FROM GREATEST(
                               COALESCE(exited_at, %(now)s) - entered_at, interval '0')) / 86400 AS days
                      FROM clm_contract_visit) stay
             GROUP BY contract_id
            """,
            open=tuple(OPEN), now=self._now(),
        )

    @api.model
    def _approvals(self) -> SQL:
        """:return: SQL of whether each contract was approved at first go; none where that is not decided yet"""
        return SQL(
            """
            SELECT contract_id,
                   CASE WHEN BOOL_AND(COALESCE(first_pass, FALSE)) FILTER (WHERE round = 1) THEN 1
                        WHEN MAX(round) > 1 OR BOOL_OR(decided_at IS NOT NULL AND first_pass IS NOT TRUE) THEN 0
                   END AS first_pass
              FROM clm_contract_approval
             GROUP BY contract_id
            """
        )

    @api.model
    def _measures(self):
        return {
            **super()._measures(),
            "cycle_median:avg": self._median("cycle_median"),
            "cycle_p90:avg": self._p90("cycle_p90"),
        }
