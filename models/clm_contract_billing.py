from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..const import BILLING_MODES
from ..tools.transitions import ACTIVE, CLOSED, SIGNED

#: states in which a contract has a billing schedule
IN_FORCE = (SIGNED, ACTIVE, CLOSED)
#: who sees what is billed; salespeople of their own contracts only
BILLING_GROUPS = "clm.group_user,account.group_account_invoice,account.group_account_readonly"


class ClmContract(models.Model):
    """How a contract is billed: to whom, in which journal, on which terms. May change while it is in force."""

    _inherit = "clm.contract"

    billing_mode = fields.Selection(
        BILLING_MODES, "Billing", required=True,
        compute="_compute_billing_mode", store=True, readonly=False, precompute=True, tracking=True,
        groups="base.group_user",
        help="Automatically: the billing run makes the invoices. By hand: only “Bill Now” does. Not from here: there "
             "is no schedule.",
    )
    billing_from = fields.Date(
        "Bill From", copy=False, tracking=True, groups="base.group_user",
        help="Periods that begin earlier were billed elsewhere.",
    )
    partner_invoice_id = fields.Many2one(
        "res.partner", "Invoice Address", compute="_compute_partner_invoice_id", store=True, readonly=False,
        precompute=True, check_company=True, tracking=True, groups="base.group_user", index="btree_not_null",
    )
    payment_term_id = fields.Many2one(
        "account.payment.term", "Payment Terms", compute="_compute_payment_term_id", store=True, readonly=False,
        precompute=True, check_company=True, tracking=True, groups="base.group_user",
    )
    fiscal_position_id = fields.Many2one(
        "account.fiscal.position", compute="_compute_fiscal_position_id", store=True, readonly=False,
        precompute=True, check_company=True, tracking=True, groups="base.group_user",
    )
    journal_id = fields.Many2one(
        "account.journal", check_company=True, tracking=True, groups="base.group_user",
        domain="[('type', '=', {'customer': 'sale', 'supplier': 'purchase'}.get(direction, 'sale'))]",
        help="Empty: the usual one for these invoices.",
    )
    client_order_ref = fields.Char(
        "Customer Reference", copy=False, tracking=True, groups="base.group_user",
        help="The other party's number for this contract; stands on the invoices.",
    )
    analytic_account_id = fields.Many2one(
        "account.analytic.account", check_company=True, copy=False, index="btree_not_null", groups="base.group_user",
        help="Collects what this contract brings and costs. New lines take it over.",
    )
    installment_ids = fields.One2many(
        "clm.installment", "contract_id", string="Billing Schedule", readonly=True, groups=BILLING_GROUPS,
    )
    schedule_next = fields.Date(
        readonly=True, copy=False, groups="base.group_user", help="The day on which the schedule is extended."
    )
    next_billing_date = fields.Date(
        "Next Invoice", compute="_compute_next_billing_date", groups=BILLING_GROUPS,
    )
    invoice_count = fields.Integer(
        compute="_compute_invoice_count", groups=BILLING_GROUPS,
    )

    _schedule_index = models.Index("(company_id, schedule_next) WHERE schedule_next IS NOT NULL")

    @api.depends("type_id")
    def _compute_billing_mode(self):
        for contract in self:
            contract.billing_mode = contract.type_id.billing_mode or "auto"

    @api.depends("partner_id")
    def _compute_partner_invoice_id(self):
        for contract in self:
            partner = contract.partner_id
            contract.partner_invoice_id = partner and partner.address_get(["invoice"])["invoice"]

    @api.depends("partner_id", "company_id", "direction")
    def _compute_payment_term_id(self):
        for contract in self:
            partner = contract.partner_id.with_company(contract.company_id)
            contract.payment_term_id = (
                partner.property_supplier_payment_term_id if contract.direction == "supplier"
                else partner.property_payment_term_id
            )

    @api.depends("partner_id", "company_id")
    def _compute_fiscal_position_id(self):
        known = {}
        for contract in self:
            key = contract.company_id, contract.partner_id
            if key not in known:
                # sudo: fiscal positions are the accountants'
                known[key] = self.env["account.fiscal.position"].sudo().with_company(
                    contract.company_id
                )._get_fiscal_position(contract.partner_id)
            contract.fiscal_position_id = known[key]

    @api.depends("installment_ids.state", "installment_ids.date_planned")
    def _compute_next_billing_date(self):
        dates = dict(self.env["clm.installment"]._read_group(
            [("contract_id", "in", self.ids), ("state", "in", ("planned", "due")), ("to_confirm", "=", False)],
            ["contract_id"], ["date_planned:min"],
        ))
        for contract in self:
            contract.next_billing_date = dates.get(contract._origin, False)

    def _compute_invoice_count(self):
        # sudo: a number only; opening the invoices takes the rights of the user
        counts = dict(self.env["account.move.line"].sudo()._read_group(
            [("clm_contract_id", "in", self.ids)], ["clm_contract_id"], ["move_id:count_distinct"],
        ))
        for contract in self:
            contract.invoice_count = counts.get(contract._origin, 0)

    # === ACTIONS === #

    def _check_may_bill(self):
        """:raise AccessError: for users who may not make invoices, or not read these contracts"""
        self.check_access("read")
        if not (self.env.su or self.env.user.has_group("account.group_account_invoice")):
            raise AccessError(self.env._("Ask somebody with the Invoicing right to bill contracts."))

    def action_bill_now(self):
        """Bill what is due of these contracts, whatever their billing mode.

        :return: action that opens the invoices
        :raise UserError: saying why nothing was billed
        """
        self._check_may_bill()
        moves = self.env["clm.billing.engine"]._run(self)
        if moves:
            return moves._get_records_action(name=self.env._("Invoices"))
        errors = [f"{contract.name}: {contract.cron_error}" for contract in self if contract.cron_error]
        if errors:
            # what failed is kept on the contracts, so nothing may be rolled back here
            return self._notify(self.env._("Not billed"), "\n".join(errors), "danger")
        upcoming = min((contract.next_billing_date for contract in self if contract.next_billing_date), default=None)
        if upcoming and upcoming <= min(contract._today() for contract in self):
            raise UserError(self.env._("A billing run has these contracts at this moment. Look again in a minute."))
        if upcoming:
            raise UserError(self.env._(
                "Nothing is due. The next invoice is planned for %(day)s.", day=fields.Date.to_string(upcoming),
            ))
        raise UserError(self.env._("Nothing is left to bill: see the billing schedule."))

    @api.model
    def _notify(self, title, message, kind):
        return {
            "type": "ir.actions.client", "tag": "display_notification",
            "params": {"title": title, "message": message, "type": kind, "sticky": True},
        }

    def action_view_invoices(self):
        """Invoices, bills and credit notes of these contracts."""
        # sudo: finds the documents; reading them takes the rights of the user
        moves = self.env["account.move.line"].sudo().search([("clm_contract_id", "in", self.ids)]).move_id
        return moves.sudo(False)._get_records_action(name=self.env._("Invoices"))

    def action_view_schedule(self):
        """The billing schedule of these contracts."""
        self.env["clm.installment"].check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id("clm.clm_installment_action")
        action["domain"] = [("contract_id", "in", self.ids)]
        action["context"] = {"search_default_current": 0}
        return action


class ClmContractType(models.Model):
    _inherit = "clm.contract.type"

    billing_mode = fields.Selection(
        BILLING_MODES, "Invoices", required=True, default="auto",
        help="Whether the billing run makes the invoices of these contracts.",
    )
