from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ..const import DIRECTIONS
from ..tools.transitions import STATES
from .clm_contract import STATE_LABELS

STAGE, CONTRACT = "stage", "contract"


class ClmPlaybook(models.Model):
    """What is set in motion when a customer enters a stage, or a contract a state.

    A playbook does nothing itself: it makes rows of :class:`ClmEffect`, which a cron carries out. Draft: nothing
    happens. Active: whoever enters from now on. Paused: nothing new begins, and what waits goes on waiting.
    """

    _name = "clm.playbook"
    _description = "Playbook"
    _inherit = ["mail.thread", "clm.door.mixin"]
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    active = fields.Boolean(default=True)
    sequence = fields.Integer(default=10)
    company_id = fields.Many2one("res.company", help="Only customers or contracts of this company. Empty: all.")
    user_id = fields.Many2one(
        "res.users", string="Responsible", default=lambda self: self.env.user, tracking=True,
        domain="[('share', '=', False)]",
        help="Gets the activities of customers who have no salesperson.",
    )
    state = fields.Selection(
        [("draft", "Draft"), ("active", "Active"), ("paused", "Paused")],
        default="draft", required=True, readonly=True, copy=False, tracking=True,
    )
    activated_at = fields.Datetime(
        "Active Since", readonly=True, copy=False, help="Who entered before that is left alone."
    )
    error = fields.Text(readonly=True, copy=False, help="Why the playbook was paused by itself.")
    trigger = fields.Selection(
        [(STAGE, "A customer enters a stage"), (CONTRACT, "A contract enters a state")],
        string="When", default=STAGE, required=True, tracking=True,
    )
    stage_id = fields.Many2one("clm.stage", ondelete="restrict", index=True, tracking=True)
    contract_state = fields.Selection(
        [(state, STATE_LABELS[state]) for state in STATES], tracking=True
    )
    contract_type_ids = fields.Many2many("clm.contract.type", string="Contract Types", help="Empty: all types.")
    direction = fields.Selection(DIRECTIONS, string="Contracts With", default="customer")
    skip_renewals = fields.Boolean("Not for Renewals", help="Only the first contract, not those that renew another.")
    starts = fields.Char("Begins When", compute="_compute_starts", help="What starts the playbook, in words.")
    partner_domain = fields.Char("Only For", default="[]", help="Which customers the playbook is about. Empty: all.")
    step_ids = fields.One2many(
        "clm.playbook.step", "playbook_id", string="Steps", copy=True, context={"active_test": False}
    )
    effect_ids = fields.One2many("clm.effect", "playbook_id", string="Effects", readonly=True)
    waiting_count = fields.Integer("Waiting", compute="_compute_counts")
    done_count = fields.Integer("Done", compute="_compute_counts")
    skipped_count = fields.Integer("Left Out", compute="_compute_counts")
    failed_count = fields.Integer("Failed", compute="_compute_counts")

    # === COMPUTE === #

    @api.depends("trigger", "stage_id.name", "contract_state")
    @api.depends_context("lang")
    def _compute_starts(self):
        states = dict(self._fields["contract_state"]._description_selection(self.env))
        for playbook in self:
            if playbook.trigger == STAGE:
                playbook.starts = self.env._("a customer enters %(stage)s", stage=playbook.stage_id.name or "…")
            else:
                playbook.starts = self.env._(
                    "a contract enters %(state)s", state=states.get(playbook.contract_state, "…")
                )

    def _compute_counts(self):
        counts = {
            (playbook, state): count for playbook, state, count in self.env["clm.effect"]._read_group(
                [("playbook_id", "in", self.ids)], ["playbook_id", "state"], ["__count"]
            )
        }
        for playbook in self:
            for state in ("waiting", "done", "skipped", "failed"):
                playbook[f"{state}_count"] = counts.get((playbook, state), 0)

    # === CONSTRAINTS === #

    @api.constrains("trigger", "stage_id", "contract_state")
    def _check_trigger(self):
        for playbook in self:
            if playbook.trigger == STAGE and not playbook.stage_id:
                raise ValidationError(self.env._("Choose the stage that starts %(name)s.", name=playbook.name))
            if playbook.trigger == CONTRACT and not playbook.contract_state:
                raise ValidationError(self.env._("Choose the state that starts %(name)s.", name=playbook.name))
        self.with_context(active_test=False).step_ids._check_target()

    @api.constrains("partner_domain")
    def _check_partner_domain(self):
        for playbook in self:
            self.env["res.partner"]._lifecycle_filter(playbook.partner_domain, playbook.name)

    # === CRUD === #

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            if vals.get("state", "draft") != "draft":
                self._check_door(vals)
        playbooks = super().create(vals_list)
        self.env.registry.clear_cache()
        return playbooks

    def write(self, vals):
        self._check_door(vals)
        if vals.get("active") is False:
            self._retire()
        res = super().write(vals)
        if vals.keys() & {"active", "state", "trigger"}:
            self.env.registry.clear_cache()
        return res

    @api.model
    def _check_door(self, vals):
        if vals.keys() & {"state", "activated_at", "error"} and not self._is_unlocked():
            raise UserError(self.env._("Activate, pause and resume a playbook with its buttons."))

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        # sudo: what was done for customers of other companies counts as well
        used = self.sudo().with_context(active_test=False).filtered("effect_ids")
        if used:
            raise UserError(self.env._(
                "%(playbooks)s already did something for customers. Archive it instead: what still waits is cancelled.",
                playbooks=", ".join(used.mapped("name")),
            ))

    def unlink(self):
        res = super().unlink()
        self.env.registry.clear_cache()
        return res

    def _retire(self):
        """An archived playbook does nothing any more."""
        self.filtered(lambda playbook: playbook.state == "active")._set_state("paused")
        # sudo: effects are written by their doors alone
        self.env["clm.effect"].sudo().search([("playbook_id", "in", self.ids), ("state", "=", "waiting")])._close(
            "cancelled", self.env._("The playbook was archived.")
        )

    # === ACTIONS === #

    def action_activate(self):
        """Show what the playbook would have done; its button then activates it."""
        self.ensure_one()
        self._check_complete()
        return self.action_preview()

    def action_preview(self):
        """Open what the playbook would have done in the last 90 days."""
        self.ensure_one()
        return self.env["clm.playbook.preview"]._open(self)

    def action_pause(self):
        """Begin nothing new; what waits goes on waiting."""
        self.check_access("write")
        self.filtered(lambda playbook: playbook.state == "active")._set_state("paused")
        return True

    def action_resume(self):
        """Go on with what waits and with whoever enters from now on."""
        self.check_access("write")
        self.filtered(lambda playbook: playbook.state == "paused")._activate()
        return True

    def action_retry_failed(self):
        """Try again what failed."""
        self.check_access("write")
        return self._effects("failed").action_retry()

    def action_cancel_waiting(self):
        """Give up what waits."""
        self.check_access("write")
        return self._effects("waiting").action_cancel()

    def action_open_effects(self):
        """List what the playbook did and will do."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("clm.clm_effect_action")
        state = self.env.context.get("effect_state")
        action["domain"] = [("playbook_id", "=", self.id)]
        action["context"] = {f"search_default_{state}": 1} if state else {}
        return action

    def _effects(self, state):
        return self.env["clm.effect"].search([("playbook_id", "in", self.ids), ("state", "=", state)])

    # === STATE === #

    def _activate(self):
        """Let these playbooks act on whoever enters from now on."""
        self._check_complete()
        self.filtered(lambda playbook: not playbook.user_id).user_id = self.env.user
        self._set_state("active", activated_at=fields.Datetime.now(), error=False)
        self.env["clm.effect"]._wake()

    def _set_state(self, state, **vals):
        self._unlocked().write({"state": state, **vals})

    def _suspend(self, error):
        """Pause a playbook whose filter cannot be applied: it must not hold up the customers' stages."""
        message = f"{error}".strip() or repr(error)
        self._set_state("paused", error=self.env._(
            "Paused, because the filter on customers cannot be read: %(error)s", error=message,
        ))

    def _check_complete(self):
        for playbook in self:
            if not playbook.step_ids.filtered("active"):
                raise UserError(self.env._("%(name)s has no steps yet. Add one first.", name=playbook.name))
            if not playbook.active or (playbook.trigger == STAGE and not playbook.stage_id.active):
                raise UserError(self.env._(
                    "%(name)s, or the stage that starts it, is archived. Restore it first.", name=playbook.name
                ))
