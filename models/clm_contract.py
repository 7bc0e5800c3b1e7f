from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain

from ..const import (
    COLLECT,
    DATE_LIMITS,
    DIRECTIONS,
    MAX_MONTHS,
    MAX_NOTICE,
    NOTICE_UNITS,
    RENEWAL_POLICIES,
    TERM_LIMITS,
)
from ..tools import recurrence
from ..tools.transitions import BINDING, CANCELLED, CLOSED, DRAFT, EDITABLE, STATES

STATE_LABELS = {
    "draft": "Draft",
    "negotiation": "Negotiation",
    "approval": "Approval",
    "signature": "Signature",
    "signed": "Signed",
    "active": "Active",
    "closed": "Closed",
    "cancelled": "Cancelled",
}
CLOSE_REASONS = [
    ("expired", "Expired"),
    ("terminated", "Terminated"),
    ("renewed", "Renewed"),
    ("applied", "Amendment in force"),
]
# what both sides agree on: locked once the text is out for signature
AGREED_FIELDS = frozenset({
    "title", "partner_id", "company_id", "currency_id", "type_id", "direction", "date_start", "date_end", "term_months",
    "minimum_months", "notice_count", "notice_unit", "renewal_policy", "renewal_limit", "renewal_months", "uplift",
    "signature_required",
})
CONTENT_FIELDS = frozenset({"line_ids", "clause_ids"})


class ClmContract(models.Model):
    """A contract with a customer or a supplier, from first draft to renewal.

    This file holds what a contract *is*. What it does stands beside it: ``clm_contract_workflow`` (the one door
    between states), ``_text`` (versions), ``_approval``, ``_signature``, ``_renewal``, ``_termination``, ``_risk``,
    ``_cron`` and ``_portal``.
    """

    _name = "clm.contract"
    _description = "Contract"
    _inherit = ["portal.mixin", "mail.thread", "mail.activity.mixin", "clm.due.mixin", "clm.door.mixin"]
    _order = "date_act_by, id desc"
    _rec_names_search = ["name", "title", "partner_id.name"]
    _check_company_auto = True
    _mail_post_access = "read"
    _clm_limits = TERM_LIMITS | DATE_LIMITS

    name = fields.Char("Number", copy=False, readonly=True, index="trigram", default="/")
    title = fields.Char(
        compute="_compute_from_type", store=True, readonly=False, precompute=True, tracking=True,
        help="What the contract is about; stands at its head.",
    )
    active = fields.Boolean(default=True)
    direction = fields.Selection(
        DIRECTIONS, required=True, index=True,
        compute="_compute_direction", store=True, readonly=False, precompute=True,
        help="Customer contracts feed the customer's lifecycle; supplier contracts do not.",
    )
    state = fields.Selection(
        [(state, STATE_LABELS[state]) for state in STATES],
        default=DRAFT, required=True, readonly=True, copy=False, index=True, tracking=True, group_expand=True,
    )
    close_reason = fields.Selection(CLOSE_REASONS, string="Closed Because", readonly=True, copy=False, tracking=True)
    close_reason_id = fields.Many2one(
        "clm.close.reason", string="Termination Reason", readonly=True, copy=False, ondelete="restrict",
        groups="base.group_user", index="btree_not_null",
    )
    type_id = fields.Many2one(
        "clm.contract.type", required=True, ondelete="restrict", index=True, tracking=True,
        check_company=True, default=lambda self: self._default_type_id(),
    )
    partner_id = fields.Many2one(
        "res.partner", string="Customer or Supplier", required=True, ondelete="restrict", index=True, tracking=True,
        check_company=True,
    )
    commercial_partner_id = fields.Many2one(
        related="partner_id.commercial_partner_id", store=True, index=True, string="Company of the Contact",
    )
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company, index=True,
    )
    currency_id = fields.Many2one(
        "res.currency", required=True, compute="_compute_currency_id", store=True, readonly=False, precompute=True,
    )
    company_currency_id = fields.Many2one(related="company_id.currency_id", string="Company Currency")
    user_id = fields.Many2one(
        "res.users", string="Owner", default=lambda self: self._default_user_id(), index=True, tracking=True,
        domain="[('share', '=', False)]",
    )
    team_id = fields.Many2one(
        "crm.team", compute="_compute_team_id", store=True, readonly=False, precompute=True, index="btree_not_null",
        check_company=True, groups="base.group_user",
    )
    note = fields.Html("Internal Notes", groups="base.group_user")

    # term
    date_start = fields.Date("Start", default=lambda self: self.env.company._lifecycle_today(), tracking=True)
    term_months = fields.Integer(
        "Term", compute="_compute_from_type", store=True, readonly=False, precompute=True, tracking=True,
        aggregator="avg", help="In months. 0: the contract has no end date.",
    )
    # Not precomputed, nor is the anchor: before the record exists, the term of the type would stand in for a given one.
    date_end = fields.Date(
        "End", compute="_compute_date_end", store=True, readonly=False, tracking=True,
        help="The last day. Empty: the contract runs until notice is given.",
    )
    anchor_date = fields.Date(
        compute="_compute_anchor", store=True, help="Start of the first contract of the chain.",
    )
    anchor_months = fields.Integer(
        compute="_compute_anchor", store=True, aggregator=None,
        help="Months from there to this start, so that a term that began on the 31st keeps the 31st.",
    )
    minimum_months = fields.Integer(
        "Minimum Term", compute="_compute_from_type", store=True, readonly=False, precompute=True, tracking=True,
        aggregator=None, help="In months from the start; until then the other party cannot leave. 0: none.",
    )
    date_minimum_end = fields.Date("Bound Until", compute="_compute_date_minimum_end", store=True)
    notice_count = fields.Integer(
        "Notice Period", compute="_compute_from_type", store=True, readonly=False, precompute=True, tracking=True,
        aggregator=None,
    )
    notice_unit = fields.Selection(
        NOTICE_UNITS, compute="_compute_from_type", store=True, readonly=False, precompute=True, tracking=True,
    )
    date_notice = fields.Date(
        "Notice Deadline", compute="_compute_deadlines", store=True, help="The last day on which notice can be given.",
    )
    date_act_by = fields.Date(
        "Act By", compute="_compute_deadlines", store=True, index="btree_not_null",
        help="The day by which the owner should decide about the renewal.",
    )
    decide_days = fields.Integer(
        "Decide Before", compute="_compute_from_type", store=True, readonly=False, precompute=True, aggregator=None,
        groups="base.group_user", help="Days before the notice deadline by which the owner is asked to decide.",
    )
    renewal_policy = fields.Selection(
        RENEWAL_POLICIES, string="At the End", required=True,
        compute="_compute_from_type", store=True, readonly=False, precompute=True, tracking=True,
    )
    renewal_limit = fields.Integer(
        "Renewals at Most", compute="_compute_from_type", store=True, readonly=False, precompute=True, aggregator=None,
        help="Automatic renewals in a row. 0: without limit.",
    )
    renewal_months = fields.Integer(
        "Renewal Term", compute="_compute_from_type", store=True, readonly=False, precompute=True, aggregator=None,
        help="In months. 0: as long as this contract.",
    )
    uplift = fields.Float(
        "Price Increase", compute="_compute_from_type", store=True, readonly=False, precompute=True, aggregator=None,
        tracking=True, help="In percent of the prices, at every renewal.",
    )

    # value
    line_ids = fields.One2many("clm.contract.line", "contract_id", string="Lines", copy=True)
    mrr = fields.Monetary(
        "Monthly Value", compute="_compute_value", store=True,
        help="Recurring amount per month, without taxes; a month has 30.4375 days.",
    )
    acv = fields.Monetary("Yearly Value", compute="_compute_value", store=True, help="Recurring amount per year.")
    tcv = fields.Monetary(
        "Total Value", compute="_compute_value", store=True,
        help="Value over the term, without taxes, with one-off amounts. Without an end date: of one year.",
    )
    company_tcv = fields.Monetary(
        "Total Value (Company Currency)", compute="_compute_value", store=True, currency_field="company_currency_id",
        groups="base.group_user",
    )
    max_discount = fields.Float(
        "Highest Discount", compute="_compute_value", store=True, aggregator="max", groups="base.group_user"
    )

    # the story
    activated_on = fields.Date(
        "First Activated On", readonly=True, copy=False, help="The first day on which the contract was in force."
    )
    signed_on = fields.Date(readonly=True, copy=False, help="The day of the last signature.")
    closed_on = fields.Date("Last Day in Force", readonly=True, copy=False)
    closed_at = fields.Datetime(readonly=True, copy=False)
    previous_id = fields.Many2one(
        "clm.contract", string="Renewal Of", readonly=True, copy=False, index="btree_not_null", ondelete="restrict",
        check_company=True,
    )
    next_ids = fields.One2many("clm.contract", "previous_id", string="Renewals", readonly=True)
    next_id = fields.Many2one("clm.contract", string="Renewed By", compute="_compute_next_id", search="_search_next_id")
    amends_id = fields.Many2one(
        "clm.contract", string="Amendment To", readonly=True, copy=False, index="btree_not_null", ondelete="restrict",
        check_company=True,
    )
    amendment_ids = fields.One2many("clm.contract", "amends_id", string="Amendments", readonly=True)
    amendment_count = fields.Integer(compute="_compute_amendment_count")
    sale_order_id = fields.Many2one(
        "sale.order", string="Order", copy=False, index="btree_not_null", check_company=True,
        groups="base.group_user", help="The order that brought this contract.",
    )
    opportunity_id = fields.Many2one(
        "crm.lead", copy=False, index="btree_not_null", check_company=True, groups="base.group_user",
    )
    is_locked = fields.Boolean(compute="_compute_is_locked")

    _list_index = models.Index("(date_act_by, id DESC)")
    _count_index = models.Index("(company_id, direction, active)")
    _dates_index = models.Index("(company_id, date_end) WHERE state = 'active'")
    _start_index = models.Index("(company_id, date_start) WHERE state = 'signed'")
    _previous_uniq = models.UniqueIndex(
        "(previous_id) WHERE previous_id IS NOT NULL AND state != 'cancelled'",
        "This contract was renewed already.",
    )
    _name_uniq = models.UniqueIndex("(name, company_id) WHERE name != '/'", "Another contract has this number.")

    # === DEFAULTS === #

    @api.model
    def _default_user_id(self):
        user = self.env.user  # no colleague where an order or the nightly run makes a contract
        return user if user.active and not user.share else False

    @api.model
    def _default_type_id(self):
        direction = self.env.context.get("default_direction", "customer")
        return self.env["clm.contract.type"].search([
            ("direction", "=", direction), ("company_id", "in", (False, self.env.company.id)),
        ], limit=1)

    # === COMPUTE === #

    @api.depends("type_id")
    def _compute_from_type(self):
        for contract in self:
            contract.update(contract._terms_of_type())

    def _terms_of_type(self):
        """Hook: the terms that a contract takes over from its type, as values by field."""
        kind = self.type_id
        return {
            "title": kind.name or self.title,
            "term_months": kind.term_months,
            "minimum_months": kind.minimum_months,
            "notice_count": kind.notice_count,
            "notice_unit": kind.notice_unit or "month",
            "decide_days": kind.decide_days,
            "renewal_policy": kind.renewal_policy or "manual",
            "renewal_limit": kind.renewal_limit,
            "renewal_months": kind.renewal_months,
            "uplift": kind.uplift,
            "signature_required": kind.signature_required or "both",
        }

    @api.depends("type_id")
    def _compute_direction(self):
        for contract in self:
            contract.direction = contract.type_id.direction or contract.direction or "customer"

    @api.depends("company_id")
    def _compute_currency_id(self):
        for contract in self:
            contract.currency_id = contract.currency_id or contract.company_id.currency_id

    @api.depends("user_id", "company_id")
    def _compute_team_id(self):
        for contract in self:
            team = contract.user_id.sale_team_id
            contract.team_id = team if team.company_id in (contract.company_id, self.env["res.company"]) else False

    @api.depends("date_start", "term_months", "renewal_policy")
    def _compute_date_end(self):
        for contract in self:
            endless = contract.renewal_policy == "evergreen" or not 0 < contract.term_months <= MAX_MONTHS
            if endless or not contract.date_start:
                contract.date_end = False
            else:
                contract.date_end = contract._end_of_term(contract.term_months)

    @api.depends("date_start", "previous_id")
    def _compute_anchor(self):
        for contract in self:
            before = contract.previous_id
            contract.anchor_date = contract.date_start
            contract.anchor_months = 0
            if before.date_end and contract.date_start == fields.Date.add(before.date_end, days=1):
                months = before.anchor_months + before._months_of_term()
                # an end that was moved, by a pause say, begins steps of its own
                if recurrence.step(before.anchor_date, "month", months) == contract.date_start:
                    contract.anchor_date, contract.anchor_months = before.anchor_date, months

    def _end_of_term(self, months):
        """:return: the last day of a term of so many months, counted from the chain's first start"""
        return fields.Date.subtract(recurrence.step(self.anchor_date, "month", self.anchor_months + months), days=1)

    def _months_of_term(self):
        """:return: whole months of this contract if its end is that of a term, else 0"""
        months = self.term_months
        return months if months and self.date_end and self.date_end == self._end_of_term(months) else 0

    @api.depends("date_start", "minimum_months")
    def _compute_date_minimum_end(self):
        for contract in self:
            bound = contract.date_start and 0 < contract.minimum_months <= MAX_MONTHS
            contract.date_minimum_end = bound and recurrence.last_day(contract.date_start, contract.minimum_months)

    @api.depends("date_end", "notice_count", "notice_unit", "decide_days")
    def _compute_deadlines(self):
        for contract in self:
            if not contract.date_end:
                contract.date_notice = contract.date_act_by = False
                continue
            # a negative or absurd count is refused on saving
            count = min(max(contract.notice_count, 0), MAX_NOTICE)
            contract.date_notice = recurrence.notice_deadline(
                contract.date_end, count, contract.notice_unit or "month"
            )
            contract.date_act_by = fields.Date.subtract(contract.date_notice, days=contract.decide_days)

    @api.depends(
        "line_ids.price_subtotal", "line_ids.monthly_amount", "line_ids.yearly_amount", "line_ids.total_amount",
        "line_ids.discount",
        "currency_id", "company_id", "date_start",
    )
    def _compute_value(self):
        for contract in self:
            lines = contract.line_ids.filtered(lambda line: not line.ended)
            contract.mrr = sum(lines.mapped("monthly_amount"))
            contract.acv = sum(lines.mapped("yearly_amount"))
            contract.tcv = sum(contract.line_ids.mapped("total_amount"))
            contract.max_discount = max(lines.mapped("discount"), default=0.0)
            contract.company_tcv = contract.currency_id._convert(
                contract.tcv, contract.company_id.currency_id, contract.company_id,
                contract.date_start or fields.Date.context_today(contract),
            ) if contract.currency_id else 0.0

    @api.depends("next_ids.state")
    def _compute_next_id(self):
        for contract in self:
            contract.next_id = contract.next_ids.filtered(lambda successor: successor.state != "cancelled")[:1]

    def _search_next_id(self, operator, value):
        if operator not in ("in", "not in") or list(value) != [False]:
            return NotImplemented
        renewed = Domain("next_ids", "any", [("state", "!=", "cancelled")])
        return ~renewed if operator == "in" else renewed

    @api.depends("amendment_ids")
    def _compute_amendment_count(self):
        for contract in self:
            contract.amendment_count = len(contract.amendment_ids)

    @api.depends("state")
    def _compute_is_locked(self):
        for contract in self:
            contract.is_locked = contract.state not in EDITABLE

    @api.depends("name", "title")
    def _compute_display_name(self):
        for contract in self:
            contract.display_name = " ".join(filter(None, (contract.name, contract.title)))

    def _compute_access_url(self):
        res = super()._compute_access_url()
        for contract in self:
            contract.access_url = f"/my/contracts/{contract.id}"
        return res

    # === CONSTRAINTS === #

    @api.constrains("date_start", "date_end")
    def _check_dates(self):
        for contract in self:
            if contract.date_end and contract.date_start and contract.date_end < contract.date_start:
                raise ValidationError(self.env._(
                    "%(contract)s ends (%(end)s) before it starts (%(start)s). Correct one of the dates.",
                    contract=contract.display_name,
                    end=fields.Date.to_string(contract.date_end),
                    start=fields.Date.to_string(contract.date_start),
                ))

            if contract.date_end and contract.date_start and contract.date_end.year > contract.date_start.year + 100:
                raise ValidationError(self.env._(
                    "%(contract)s would run for more than 100 years. Leave the end date empty instead.",
                    contract=contract.display_name,
                ))

    @api.constrains("date_start", "date_end", "notice_count", "notice_unit")
    def _check_notice(self):
        for contract in self:
            if contract._is_unlocked() or contract.amends_id:
                continue  # a termination or an amendment may leave less than the notice period
            if contract.date_end and contract.date_start and contract.notice_count:
                # counted forward: backwards, a month before 27 February would be longer than the term from 30 January
                after = recurrence.step(contract.date_start, contract.notice_unit, contract.notice_count)
                if fields.Date.subtract(after, days=1) > contract.date_end:
                    raise ValidationError(self.env._(
                        "The notice period of %(contract)s is longer than its term. Shorten it or lengthen the term.",
                        contract=contract.display_name,
                    ))

    @api.constrains("user_id", "company_id")
    def _check_owner(self):
        for contract in self:
            owner = contract.user_id.sudo()  # sudo: the companies of a user are not for everybody to read
            if not owner or contract._is_unlocked():
                continue
            if not owner.active or owner.share:
                raise ValidationError(self.env._(
                    "%(user)s left or is not a colleague. Choose another owner for %(contract)s.",
                    user=owner.name, contract=contract.display_name,
                ))
            if contract.company_id not in owner.company_ids:
                raise ValidationError(self.env._(
                    "%(user)s does not work for %(company)s. Choose another owner for %(contract)s.",
                    user=owner.name, company=contract.company_id.name, contract=contract.display_name,
                ))

    @api.constrains("partner_id")
    def _check_partner(self):
        for contract in self:
            if not contract.partner_id.active and not contract._is_unlocked():
                raise ValidationError(self.env._(
                    "%(partner)s is archived. Choose another contact for %(contract)s, or put it back into use.",
                    partner=contract.partner_id.display_name, contract=contract.display_name,
                ))

    @api.constrains("direction", "type_id")
    def _check_direction(self):
        for contract in self:
            if contract.direction != contract.type_id.direction:
                raise ValidationError(self.env._(
                    "The type “%(type)s” is not for this kind of contract. Choose another type.",
                    type=contract.type_id.name,
                ))

    # === CRUD === #

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_doors(vals, free=("name",))
            if vals.get("name", "/") == "/":
                company_id = vals.get("company_id") or self.env.company.id
                vals["name"] = self.env["ir.sequence"].with_company(company_id).next_by_code("clm.contract") or "/"
        contracts = super(ClmContract, self._collecting()).create(vals_list)._with_type_content().with_env(self.env)
        self.env["clm.contract.visit"]._enter(contracts, DRAFT)
        contracts._content_changed()
        return contracts

    def write(self, vals):
        self.check_access("write")
        if "type_id" in vals and all(contract.type_id.id == vals["type_id"] for contract in self):
            # an import writes it again: clauses and terms must not start anew
            vals = {name: value for name, value in vals.items() if name != "type_id"}
        self._check_doors(vals)
        agreed = AGREED_FIELDS & vals.keys()
        if agreed:
            self._check_editable(agreed)
        if "currency_id" in vals:
            self._check_currency_change(vals["currency_id"])
        if vals.get("active") is False:
            self._check_archivable()
        res = super(ClmContract, self._collecting()).write(vals)
        if "type_id" in vals:
            self._collecting()._with_type_content()
        if agreed or CONTENT_FIELDS & vals.keys():
            self._content_changed()
        return res

    def _collecting(self):
        """:return: the same records; what their lines and clauses would do at each change is done once, at the end"""
        return self.with_context(clm_collect=COLLECT)

    def _with_type_content(self):
        """:return: the same records, once the clauses of their type are there"""
        self.mapped("clause_ids")
        return self

    def unlink(self):
        self.check_access("unlink")
        self._unlink_except_agreed()  # before its obligations say no
        self.obligation_ids.unlink()  # with their activities
        return super().unlink()

    def _check_editable(self, names=()):
        """Refuse a change of what both sides agreed.

        :raise UserError: saying how the change can be made instead
        """
        if self._is_unlocked():
            return
        for contract in self:
            if contract.state in EDITABLE:
                continue
            labels = ", ".join(self._fields[name]._description_string(self.env) for name in sorted(names))
            if contract.state == "signature":
                raise UserError(self.env._(
                    "%(contract)s is out for signature and cannot be changed (%(fields)s). Take it back to "
                    "negotiation first.", contract=contract.display_name, fields=labels,
                ))
            if contract.state in BINDING:
                raise UserError(self.env._(
                    "%(contract)s is signed: %(fields)s can no longer be changed. Make an amendment or a renewal.",
                    contract=contract.display_name, fields=labels,
                ))
            raise UserError(self.env._(
                "%(contract)s is closed or cancelled and cannot be changed.", contract=contract.display_name,
            ))

    def _check_currency_change(self, currency_id):
        for contract in self:
            if contract.currency_id.id != currency_id and contract.line_ids:
                raise UserError(self.env._(
                    "The lines of %(contract)s are priced in %(currency)s. Delete them before you change the currency.",
                    contract=contract.display_name, currency=contract.currency_id.name,
                ))

    def _check_archivable(self):
        for contract in self:
            if contract.state not in (DRAFT, CLOSED, CANCELLED):
                raise UserError(self.env._(
                    "%(contract)s is not finished and cannot be archived. Cancel or terminate it first.",
                    contract=contract.display_name,
                ))

    @api.ondelete(at_uninstall=False)
    def _unlink_except_agreed(self):
        for contract in self:
            if contract.state not in (DRAFT, CANCELLED) or contract.signature_ids:
                raise UserError(self.env._(
                    "%(contract)s cannot be deleted: it left the draft stage or carries signatures. Cancel it, or "
                    "terminate it if it is in force.", contract=contract.display_name,
                ))
            if contract.shared_at or contract.audit_ids:
                raise UserError(self.env._(
                    "%(contract)s was shared with the other party and cannot be deleted. Cancel it instead.",
                    contract=contract.display_name,
                ))

    def copy_data(self, default=None):
        vals_list = super().copy_data(default)
        for contract, vals in zip(self, vals_list, strict=True):
            if "title" not in (default or {}):
                vals["title"] = self.env._("%(title)s (copy)", title=contract.title or "")
            if not contract.user_id.active:
                vals["user_id"] = self.env.uid
        return vals_list

    # === HELPERS === #

    def _today(self):
        """:return: the date that it is where the contract's company is"""
        self.ensure_one()
        return self.company_id._lifecycle_today()

    def _responsible(self):
        """:return: the user who must act: the owner or, when they left, a manager"""
        self.ensure_one()
        return self._responsible_of(self.user_id, self.company_id)

    @api.model
    def _responsible_of(self, user, company):
        """:return: the user or, when they left or do not work for the company, a manager of contracts who does"""
        def works_there(user):
            return user.active and not user.share and company in user.company_ids

        if works_there(user.sudo()):  # sudo: the companies of a user are for administrators
            return user
        # sudo: so are the members of a group
        managers = self.env.ref("clm.group_manager").sudo().all_user_ids.filtered(works_there)
        return managers.sorted("id")[:1].sudo(False) or self.env.ref("base.user_admin")

    def _lock(self):
        """Wait for nobody: take the rows, or say that somebody else works on them.

        :raise UserError: when another transaction holds one of the contracts
        """
        locked = self.try_lock_for_update()
        if len(locked) != len(self):
            raise UserError(self.env._(
                "Somebody else is changing %(contracts)s at this moment. Try again in a few seconds.",
                contracts=", ".join((self - locked).mapped("display_name")),
            ))
        self.invalidate_recordset(["state"])
