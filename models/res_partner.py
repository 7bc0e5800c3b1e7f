from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.tools import SQL


class ResPartner(models.Model):
    """Commercial partners carry the lifecycle; their contacts show its stage."""

    _name = "res.partner"
    _inherit = ["res.partner", "clm.signal.mixin"]

    # supplier_rank, not customer_rank: a first sale queues the customer anyway, with its document
    _clm_signal_fields = frozenset({"commercial_partner_id", "company_id", "supplier_rank"})
    _clm_signal_partner = "commercial_partner_id"

    lifecycle_stage_id = fields.Many2one(
        "clm.stage",
        compute="_compute_lifecycle_stage_id",
        inverse="_inverse_lifecycle_stage_id",
        store=True,
        index="btree_not_null",
        ondelete="restrict",
        copy=False,
        group_expand="_group_expand_lifecycle_stage_id",
        groups="clm.group_viewer",
        help="Where the customer stands. Moved by the rules; change it to move the customer by hand.",
    )
    lifecycle_since = fields.Datetime("In Stage Since", readonly=True, copy=False, groups="clm.group_viewer")
    lifecycle_cycle = fields.Integer(
        "Cycle", readonly=True, copy=False, aggregator=None, groups="clm.group_viewer",
        help="1 until the customer is won back for the first time, then 2 and so on. 0: not a customer of ours.",
    )
    lifecycle_pinned = fields.Boolean(
        "Pinned", copy=False, inverse="_inverse_lifecycle_pinned", groups="clm.group_viewer",
        help="Rules no longer move this customer. Moves by hand still do.",
    )
    lifecycle_next_check = fields.Datetime(
        "Next Check", readonly=True, copy=False, groups="clm.group_viewer",
        help="When time alone may move the customer next.",
    )
    lifecycle_visit_ids = fields.One2many(
        "clm.visit", "partner_id", string="Visits", readonly=True, groups="clm.group_viewer"
    )
    lifecycle_event_ids = fields.One2many(
        "clm.event", "partner_id", string="Timeline", readonly=True, groups="clm.group_viewer"
    )
    lifecycle_days = fields.Integer(
        "Days in Stage", compute="_compute_lifecycle_days", groups="clm.group_viewer", help="Whole days so far."
    )
    lifecycle_is_rotting = fields.Boolean(
        "Overdue in Stage", compute="_compute_lifecycle_days", search="_search_lifecycle_is_rotting",
        groups="clm.group_viewer", help="Longer in the stage than expected there.",
    )

    _lifecycle_next_check_idx = models.Index("(lifecycle_next_check) WHERE lifecycle_next_check IS NOT NULL")

    # === COMPUTE === #

    @api.depends("commercial_partner_id")
    def _compute_lifecycle_stage_id(self):
        """Contacts show the stage of their company; of customers only the engine writes it."""
        for partner in self:
            company = partner.commercial_partner_id
            partner.lifecycle_stage_id = (
                company.lifecycle_stage_id if company and company != partner._origin and company != partner
                else partner._origin.lifecycle_stage_id if partner._origin.lifecycle_cycle
                else False
            )

    def _group_expand_lifecycle_stage_id(self, stages, domain):
        """Show every stage as a column, empty ones too."""
        return stages.search([])  # pylint: disable=no-search-all

    @api.depends("lifecycle_since", "lifecycle_stage_id.rotting_threshold_days")
    def _compute_lifecycle_days(self):
        now = fields.Datetime.now()
        for partner in self:
            partner.lifecycle_days = (now - partner.lifecycle_since).days if partner.lifecycle_since else 0
            limit = partner.lifecycle_stage_id.rotting_threshold_days
            partner.lifecycle_is_rotting = bool(limit and partner.lifecycle_days > limit)

    def _search_lifecycle_is_rotting(self, operator, value):
        if operator != "in":
            return NotImplemented
        self._check_field_access(self._fields["lifecycle_is_rotting"], "read")
        now = fields.Datetime.now()
        stages = self.env["clm.stage"].search([("rotting_threshold_days", ">", 0)])
        rotting = Domain.OR(
            Domain("lifecycle_stage_id", "=", stage.id)
            & Domain("lifecycle_since", "<=", now - timedelta(days=stage.rotting_threshold_days + 1))
            for stage in stages
        )
        return Domain.OR([rotting if True in value else Domain.FALSE, ~rotting if False in value else Domain.FALSE])

    # === MOVES BY HAND === #

    def _inverse_lifecycle_stage_id(self):
        """Somebody set the stage, in a form, the kanban or an import: that is a move of the customer."""
        for stage, partners in self.grouped("lifecycle_stage_id").items():
            partners._lifecycle_move(stage)

    def _inverse_lifecycle_pinned(self):
        for pinned, partners in self.grouped("lifecycle_pinned").items():
            partners._lifecycle_change({"pin": "pin" if pinned else "unpin"})

    def action_lifecycle_move(self, stage_id, reason=None):
        """Move the customers to a stage by hand; the rules go on from there.

        :param int stage_id: the stage to move to
        :param str reason: shown in the history
        :raise AccessError: when a customer is neither the user's nor their team's
        """
        stage = self.env["clm.stage"].browse(stage_id).exists()
        self._lifecycle_move(stage, reason)
        return True

    def _lifecycle_move(self, stage, reason=None):
        if not stage:
            raise UserError(self.env._("Choose the stage to move to. A customer cannot stand nowhere."))
        if not stage.active:
            raise UserError(self.env._("%(stage)s is archived. Choose another stage.", stage=stage.name))
        held = self.env["clm.policy"]._held()
        if held and stage.id not in {values["id"] for values in held["stages"]}:
            raise UserError(self.env._(
                "%(stage)s is new and not in force yet. Apply the changes of stages and rules first.", stage=stage.name
            ))
        self._lifecycle_change({"stage_id": stage.id, "reason": reason})

    def _lifecycle_change(self, vals):
        """Record what somebody decided and replay these customers at once."""
        customers = self.commercial_partner_id
        customers._check_lifecycle_move()
        origin = "import" if self.env.context.get("clm_import") or self.env.context.get("import_file") else "manual"
        # sudo: users decide about stages without rights to write contacts or the list of changes
        self.env["clm.stage.change"].sudo().create([
            {"partner_id": customer.id, "origin": origin, "user_id": self.env.uid, **vals} for customer in customers
        ])
        if origin == "manual" and vals.get("stage_id"):
            customers._log_lifecycle_move(self.env["clm.stage"].browse(vals["stage_id"]), vals.get("reason"))
        self.env["clm.lifecycle.engine"].sudo()._sync(customers.ids)

    def _log_lifecycle_move(self, stage, reason):
        """Leave a note in the chatter of each customer: who moved it where, and why."""
        note = self.env._("Moved by hand to %(stage)s.", stage=stage.name)
        if reason:
            note = self.env._("Moved by hand to %(stage)s: %(reason)s", stage=stage.name, reason=reason)
        # sudo: users may move customers without rights to write contacts
        self.sudo()._message_log_batch(
            bodies=dict.fromkeys(self.ids, note), author_id=self.env.user.partner_id.id
        )

    def _check_lifecycle_move(self):
        """:raise AccessError: unless the customers are the user's, their team's or nobody's"""
        if self.env.su or self.env.user.has_group("clm.group_manager"):
            return
        self.check_access("read")
        if not self.env.user.has_group("clm.group_user"):
            raise AccessError(self.env._("You may look at the lifecycle of customers, not change it."))
        mates = self.env.user | self.env.user.crm_team_ids.member_ids
        others = self.filtered(lambda partner: partner.user_id and partner.user_id not in mates)
        if others:
            raise AccessError(self.env._(
                "You can move your own and your team's customers only. Ask the salesperson of %(customers)s.",
                customers=", ".join(others[:3].mapped("display_name")),
            ))

    # === SIGNALS === #

    def _clm_signal_partner_ids(self):
        return {*self.ids, *self.commercial_partner_id.ids}

    def unlink(self):
        """The ledger goes with its customer; it has no foreign key that would do so."""
        partner_ids = self.ids
        res = super().unlink()
        self.env.cr.execute(SQL("DELETE FROM clm_visit WHERE partner_id = ANY(%s)", partner_ids))
        return res

    @api.model
    def load(self, fields, data):
        return super(ResPartner, self.with_context(clm_import=True)).load(fields, data)
