from odoo import api, fields, models
from odoo.tools import SQL

from ..const import SIDES


class ClmObligationReport(models.Model):
    """Who keeps their word: one row for each obligation of a contract that is or was in force.

    On-time rate = done on time / (on time + done late + missed). What is open after its due day is missed. What is
    not due yet, was waived or fell away counts in neither.
    """

    _name = "clm.obligation.report"
    _description = "Obligations Analysis"
    _inherit = "clm.contract.report.mixin"
    _auto = False
    _order = "date_due desc, id desc"
    _depends = {
        "clm.obligation": ["contract_id", "user_id", "side", "date_due", "state", "done_on", "recurrence_unit"],
        "clm.contract": ["type_id", "commercial_partner_id", "user_id", "team_id", "company_id", "direction", "state"],
        "res.company": ["lifecycle_tz"],
        "res.partner": ["tz"],
    }

    obligation_id = fields.Many2one("clm.obligation", readonly=True)
    owner_id = fields.Many2one("res.users", string="Obligation Owner", readonly=True)
    side = fields.Selection(SIDES, string="Whose", readonly=True)
    date_due = fields.Date("Due", readonly=True)
    done_on = fields.Date(readonly=True)
    recurring = fields.Boolean(readonly=True)
    result = fields.Selection(
        [
            ("open", "Not due yet"), ("ontime", "On time"), ("late", "Done late"), ("missed", "Missed"),
            ("waived", "Waived"), ("cancelled", "Cancelled"),
        ],
        readonly=True,
    )
    on_time = fields.Float(
        "On-Time Rate", readonly=True, aggregator="avg", help="On time / (on time + done late + missed)."
    )
    missed = fields.Integer(readonly=True, help="Open after the due day.")
    waived = fields.Integer(readonly=True)
    days_late = fields.Float(
        readonly=True, aggregator="avg", help="Of those done late or missed; missed ones count up to today."
    )

    @property
    def _table_query(self) -> SQL:
        return SQL("%s %s", self._select(), self._from())

    @api.model
    def _select(self) -> SQL:
        return SQL(
            """
            SELECT o.id,
                   o.id AS obligation_id,
                   %s,
                   o.user_id AS owner_id,
                   o.side,
                   o.date_due,
                   o.done_on,
                   o.recurrence_unit != 'none' AS recurring,
                   r.result,
                   CASE WHEN r.result = 'ontime' THEN 1 WHEN r.result IN ('late', 'missed') THEN 0 END AS on_time,
                   CASE WHEN r.result = 'missed' THEN 1 ELSE 0 END AS missed,
                   CASE WHEN r.result = 'waived' THEN 1 ELSE 0 END AS waived,
                   CASE r.result WHEN 'late' THEN o.done_on - o.date_due WHEN 'missed' THEN tz.today - o.date_due END
                       AS days_late
            """,
            self._select_contract(),
        )

    @api.model
    def _from(self) -> SQL:
        return SQL(
            """
              FROM clm_obligation o
              JOIN clm_contract c ON c.id = o.contract_id
              %s
             CROSS JOIN LATERAL (
                   SELECT CASE WHEN o.state = 'done' AND o.done_on <= o.date_due THEN 'ontime'
                               WHEN o.state = 'done' THEN 'late'
                               WHEN o.state = 'open' AND o.date_due < tz.today THEN 'missed'
                               ELSE o.state END AS result
                   ) r
             WHERE c.state IN ('signed', 'active', 'closed')
            """,
            self._from_contract(),
        )
