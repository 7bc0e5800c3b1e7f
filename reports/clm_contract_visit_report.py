from odoo import api, fields, models
from odoo.tools import SQL

from ..const import SIDES
from ..models.clm_contract import STATE_LABELS
from ..tools.transitions import STATES


class ClmContractVisitReport(models.Model):
    """Time by state: one row for each stay of a contract in a state with the pen on one side.

    A stay that lasts counts up to now. Closed and cancelled contracts stay there for ever: that is no time spent.
    """

    _name = "clm.contract.visit.report"
    _description = "Time by Contract State"
    _inherit = "clm.contract.report.mixin"
    _auto = False
    _order = "entered_at desc, id desc"
    _depends = {
        "clm.contract.visit": ["contract_id", "number", "cycle", "state", "pen", "entered_at", "exited_at"],
        "clm.contract": [
            "type_id", "commercial_partner_id", "user_id", "team_id", "company_id", "direction", "amends_id",
        ],
    }

    state = fields.Selection([(state, STATE_LABELS[state]) for state in STATES], readonly=True)
    pen = fields.Selection(SIDES, string="Turn", readonly=True, help="Who was to act.")
    number = fields.Integer(readonly=True, aggregator=None, help="1 for the first stay, 2 for the next and so on.")
    cycle = fields.Integer(
        "Round", readonly=True, aggregator=None, help="1, and one more each time it came back to negotiation."
    )
    is_amendment = fields.Boolean("Amendment", readonly=True)
    entered_at = fields.Datetime("Entered On", readonly=True)
    exited_at = fields.Datetime("Left On", readonly=True)
    days_median = fields.Float(
        "Median Days", readonly=True, aggregator="avg", help="Half of the stays were shorter than this."
    )
    days_p90 = fields.Float(
        "P90 Days", readonly=True, aggregator="avg", help="Nine of ten stays were shorter than this."
    )
    days = fields.Float("Average Days", readonly=True, aggregator="avg", help="Stays that last count up to now.")
    days_total = fields.Float("Days in Total", readonly=True)
    still_there = fields.Integer(readonly=True, help="Stays that last.")

    @property
    def _table_query(self) -> SQL:
        return SQL("%s %s", self._select(), self._from())

    @api.model
    def _select(self) -> SQL:
        return SQL(
            """
            SELECT v.id,
                   %s,
                   v.state,
                   v.pen,
                   v.number,
                   v.cycle,
                   c.amends_id IS NOT NULL AS is_amendment,
                   v.entered_at,
                   v.exited_at,
                   v.days,
                   v.days AS days_total,
                   v.days AS days_median,
                   v.days AS days_p90,
                   CASE WHEN v.exited_at IS NULL THEN 1 ELSE 0 END AS still_there
            """,
            self._select_contract(),
        )

    @api.model
    def _from(self) -> SQL:
        return SQL(
            """
            FROM (SELECT id, contract_id, state, pen, number, cycle, entered_at, exited_at,
                         CASE WHEN exited_at IS NOT NULL OR state NOT IN ('closed', 'cancelled') THEN
                             EXTRACT(EPOCH FROM GREATEST(COALESCE(exited_at, %s) - entered_at, interval '0')) / 86400
                         END AS days
                    FROM clm_contract_visit) v
            JOIN clm_contract c ON c.id = v.contract_id
            """,
            self._now(),
        )

    @api.model
    def _measures(self):
        return {
            **super()._measures(),
            "days_median:avg": self._median("days_median"),
            "days_p90:avg": self._p90("days_p90"),
        }
