from odoo import api, fields, models
from odoo.tools import SQL

from ..const import SIDES
from ..tools.transitions import NEGOTIATION, SIGNATURE, STATES, first_pen
from .clm_contract import STATE_LABELS


class ClmContractVisit(models.Model):
    """The ledger of a contract's states: one row for each stay in a state with the pen on one side.

    Written with every move by :meth:`_enter`. Cycle time, time per state and the share of time in which the other
    side had the pen are sums over these rows.
    """

    _name = "clm.contract.visit"
    _description = "Contract State Visit"
    _inherit = ["clm.visit.mixin", "clm.door.mixin"]
    _order = "entered_at desc, number desc, id desc"
    _rec_name = "state"
    _log_access = False

    contract_id = fields.Many2one("clm.contract", required=True, readonly=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="contract_id.company_id", store=True, readonly=True, index=True)
    type_id = fields.Many2one(related="contract_id.type_id", store=True, readonly=True)
    partner_id = fields.Many2one(related="contract_id.commercial_partner_id", store=True, readonly=True)
    direction = fields.Selection(related="contract_id.direction", store=True, readonly=True)
    state = fields.Selection(
        [(state, STATE_LABELS[state]) for state in STATES], required=True, readonly=True
    )
    pen = fields.Selection(SIDES, string="Turn", required=True, readonly=True, help="Who was to act.")
    cycle = fields.Integer("Round", help="1, and one more each time the contract comes back to negotiation.")
    days = fields.Float("Days in State")

    _number_uniq = models.UniqueIndex("(contract_id, number)")
    _open_uniq = models.UniqueIndex("(contract_id) WHERE exited_at IS NULL")

    @api.model
    def _enter(self, contracts, state, pen=None):
        """Close the open stay of these contracts and open the next, in three statements whatever their number.

        :param contracts: ``clm.contract`` records
        :param str state: one of ``tools.transitions.STATES``
        :param str pen: ``us`` or ``them``; default: who usually begins in that state
        """
        if not contracts:
            return
        pen = pen or first_pen(state)
        contracts.flush_recordset()
        now = fields.Datetime.now()
        last = dict(self._leave(contracts, now))
        self.sudo().create([  # sudo: the ledger is read-only for everybody
            {
                "contract_id": contract.id,
                "state": state,
                "pen": pen,
                "number": number + 1,
                "cycle": cycle + (state == NEGOTIATION and comes_back),
                "entered_at": max(now, left) if left else now,
                "user_id": self.env.uid,
            }
            for contract in contracts
            for number, cycle, comes_back, left in [last.get(contract.id, (0, 1, False, None))]
        ])

    @api.model
    def _leave(self, contracts, now):
        """Close the open stays.

        :return: list of pairs (contract id, (number, cycle, whether entering negotiation would be coming back to it,
            time of leaving)) of the last stay
        """
        rows = self.env.execute_query(SQL(
            """
            UPDATE clm_contract_visit
               SET exited_at = GREATEST(%(now)s, entered_at),
                   days = EXTRACT(EPOCH FROM GREATEST(%(now)s - entered_at, interval '0')) / 86400
             WHERE contract_id = ANY(%(ids)s) AND exited_at IS NULL
            RETURNING contract_id, number, cycle, exited_at, state != %(negotiation)s AND EXISTS (
                SELECT FROM clm_contract_visit before
                 WHERE before.contract_id = clm_contract_visit.contract_id AND before.state = ANY(%(shared)s)
            )
            """,
            now=now, ids=contracts.ids, negotiation=NEGOTIATION, shared=[NEGOTIATION, SIGNATURE],
        ))
        self.invalidate_model(["exited_at", "days"])
        return [
            (contract_id, (number, cycle, comes_back, left)) for contract_id, number, cycle, left, comes_back in rows
        ]
