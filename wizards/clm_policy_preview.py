import hashlib
import json

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command, Domain
from odoo.tools import SQL, split_every

from ..tools.comparison import NOW, THEN, Comparison
from ..tools.funnel import ANY, STRICT

LIMIT = "clm.preview_limit"
DEFAULT_LIMIT = 100_000
BATCH_SIZE = 2000
# customers that can be listed behind one move
MAX_LISTED = 1000


class ClmPolicyPreview(models.TransientModel):
    """Dry run: where would everybody stand under the policy as it is edited now?

    Replays the customers whom the user may see, in batches, and compares with the stored ledger. Nothing is
    written but the result. Above the limit (parameter ``clm.preview_limit``) a sample is taken, always the same
    contacts, and the screen says so.
    """

    _name = "clm.policy.preview"
    _description = "Dry Run of the Policy"

    rule_ids = fields.Many2many(
        "clm.rule", readonly=True, context={"active_test": False}, help="Rules that count as active, archived or not."
    )
    archived_rules = fields.Char(compute="_compute_edits", help="Archived rules that count as active here.")
    edits_waiting = fields.Boolean(compute="_compute_edits")
    fingerprint = fields.Char(readonly=True, help="Of the policy that was tried.")
    waiting_count = fields.Integer(
        "Waiting", readonly=True, help="Customers that still have to be replayed under the policy in force."
    )
    total_count = fields.Integer("Contacts", readonly=True)
    replayed_count = fields.Integer("Contacts Replayed", readonly=True)
    is_sample = fields.Boolean(compute="_compute_shares")
    customer_count = fields.Integer("Customers", readonly=True, help="Who stands in a stage, now or then.")
    moved_count = fields.Integer("Would Move", readonly=True)
    moved_share = fields.Float("Share", compute="_compute_shares")
    stage_ids = fields.One2many("clm.policy.preview.stage", "preview_id", string="Stages", readonly=True)
    funnel_ids = fields.One2many(
        "clm.policy.preview.stage", "preview_id", readonly=True, domain=[("in_funnel", "=", True)]
    )
    move_ids = fields.One2many("clm.policy.preview.move", "preview_id", string="Moves", readonly=True)

    # === COMPUTE === #

    @api.depends("rule_ids.active")
    def _compute_edits(self):
        waiting = bool(self.env["clm.policy"]._held())
        for preview in self:
            preview.edits_waiting = waiting
            preview.archived_rules = ", ".join(preview._archived_rules().mapped("name"))

    @api.depends("total_count", "replayed_count", "customer_count", "moved_count")
    def _compute_shares(self):
        for preview in self:
            preview.is_sample = preview.replayed_count < preview.total_count
            preview.moved_share = preview.moved_count / (preview.customer_count or 1)

    def _compute_display_name(self):
        self.display_name = self.env._("What would this change?")

    # === ACTIONS === #

    @api.model
    def _open(self, rule_ids=()):
        """Try the policy as it is edited now.

        :param rule_ids: rules that count as active even if archived
        :return: action showing the result
        :raise AccessError: unless the user is a lifecycle manager
        """
        self.env["clm.policy"]._check_may_edit()
        preview = self.create(self._prepare_vals(rule_ids))
        return {
            "type": "ir.actions.act_window",
            "name": preview.display_name,
            "res_model": self._name,
            "res_id": preview.id,
            "views": [(False, "form")],
        }

    def action_refresh(self):
        """Count again, after further edits."""
        self.ensure_one()
        self.env["clm.policy"]._check_may_edit()
        self.write(self._prepare_vals(self.with_context(active_test=False).rule_ids.ids))
        return True

    def action_apply(self):
        """Let the edits take effect, just as they were tried; the cron replays everybody."""
        self.ensure_one()
        policy = self.env["clm.policy"]
        policy._check_may_edit()
        rules = self.with_context(active_test=False).rule_ids
        if self.fingerprint != self._fingerprint(policy._read(include_rule_ids=rules.ids)):
            raise UserError(self.env._(
                "Stages or rules were changed since this was counted. Count again, look, and then apply."
            ))
        self._archived_rules().with_context(clm_policy_edit=True).active = True
        policy.action_apply()
        return self._go_back(self.env._("Applied. Customers follow in the background."))

    def action_discard(self):
        """Put stages and rules back to what is in force."""
        self.env["clm.policy"].action_discard()
        return self._go_back(self.env._("Discarded. Stages and rules are as they were."))

    def action_close(self):
        """Leave everything as it is."""
        return {"type": "ir.actions.client", "tag": "clm.go_back"}

    def _go_back(self, message):
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {"type": "success", "message": message, "next": self.action_close()},
        }

    def _archived_rules(self):
        return self.with_context(active_test=False).rule_ids.filtered(lambda rule: not rule.active)

    # === DRY RUN === #

    @api.model
    def _prepare_vals(self, rule_ids):
        """Replay and compare; nothing is written.

        :param rule_ids: rules that count as active even if archived
        :return: dict, values of the preview with its lines
        """
        self.env.flush_all()
        policy = self.env["clm.policy"]
        data = policy._read(include_rule_ids=rule_ids)
        total, partner_ids = self._sample()
        comparison = self._start_comparison(policy._data(), data)
        now = fields.Datetime.now()
        for batch in split_every(BATCH_SIZE, sorted(partner_ids)):
            self._compare(comparison, batch, data, now)
        return {
            "rule_ids": [Command.set(rule_ids)],
            "fingerprint": self._fingerprint(data),
            "waiting_count": self.env["clm.queue"]._count(),
            "total_count": total,
            "replayed_count": len(partner_ids),
            "customer_count": comparison.customers,
            "moved_count": sum(comparison.moves.values()),
            "stage_ids": [Command.clear(), *map(Command.create, self._prepare_stages(comparison, data))],
            "move_ids": [Command.clear(), *map(Command.create, self._prepare_moves(comparison))],
        }

    @api.model
    def _sample(self):
        """Choose whom to replay: the contacts of the settings' domain whom the user may see.

        :return: pair: how many there are; the ids of all, or of as many as the limit allows, scattered over all
        """
        Partner = self.env["res.partner"].with_context(active_test=False)
        visible = Domain("id", "in", Partner._search([]))
        # sudo: who is a customer may depend on documents that the user cannot see
        query = Partner.sudo()._search(self.env["clm.ledger"]._customer_domain() & visible)
        partner_id = SQL.identifier(Partner._table, "id")
        query.add_where(SQL("%s = %s", partner_id, SQL.identifier(Partner._table, "commercial_partner_id")))
        total = len(query)
        # sudo: parameters are readable by system administrators only
        query.limit = int(self.env["ir.config_parameter"].sudo().get_param(LIMIT) or DEFAULT_LIMIT)
        query.order = SQL("hashint4(%s), %s", partner_id, partner_id)
        return total, [row[0] for row in self.env.execute_query(query.select(partner_id))]

    @api.model
    def _start_comparison(self, stored, tried):
        """:return: an empty comparison of two policies (as data)"""
        funnel = self.env["clm.funnel.report"]
        stage_ids = {
            side: [stage["id"] for stage in data["stages"] if not stage["is_lapsed"]]
            for side, data in ((NOW, stored), (THEN, tried))
        }
        return Comparison(stage_ids, *funnel._period_bounds(*funnel._period_days("last_12_months")), MAX_LISTED)

    @api.model
    def _compare(self, comparison, partner_ids, data, now):
        ledger = self.env["clm.ledger"]
        customers = ledger._read_customers(partner_ids)
        replayed = ledger._replay_batch(customers, data, now)
        comparison.add(
            ledger._stored_visits(list(customers)),
            {partner_id: result.visits for partner_id, result in replayed.items()},
        )

    @api.model
    def _prepare_stages(self, comparison, data):
        """:return: list of dicts, values of the lines by stage: in the order of the tried policy, then former ones"""
        in_funnel = {*comparison.stage_ids[NOW], *comparison.stage_ids[THEN]}
        standing, funnels = comparison.standing, comparison.funnels
        known = [stage["id"] for stage in data["stages"]]
        others = {*comparison.stage_ids[NOW], *standing[NOW], *standing[THEN]} - {*known, None}
        stage_ids = [*known, *sorted(others), *([None] if None in {*standing[NOW], *standing[THEN]} else [])]
        names = self._stage_names(stage_ids)
        return [
            {
                "sequence": sequence,
                "name": names[stage_id],
                "in_funnel": stage_id in in_funnel,
                "count_now": standing[NOW][stage_id],
                "count_then": standing[THEN][stage_id],
                "difference": standing[THEN][stage_id] - standing[NOW][stage_id],
                **{f"strict_{side}": funnels[side, STRICT, stage_id] for side in (NOW, THEN)},
                **{f"strict_rate_{side}": comparison.share(side, stage_id) or 0 for side in (NOW, THEN)},
                **{f"any_{side}": funnels[side, ANY, stage_id] for side in (NOW, THEN)},
            }
            for sequence, stage_id in enumerate(stage_ids)
        ]

    @api.model
    def _prepare_moves(self, comparison):
        """:return: list of dicts, values of the lines by move"""
        names = self._stage_names({stage_id for move in comparison.moves for stage_id in move})
        return [
            {
                "from_name": names[old],
                "to_name": names[new],
                "count": count,
                "partner_ids": comparison.movers[old, new],
            }
            for (old, new), count in comparison.moves.items()
        ]

    @api.model
    def _stage_names(self, stage_ids):
        """:return: dict id -> name, also of archived stages and of standing nowhere (None)"""
        stages = self.env["clm.stage"].browse(stage_id for stage_id in stage_ids if stage_id)
        return {None: self.env._("No stage"), **{stage.id: stage.name for stage in stages}}

    @api.model
    def _fingerprint(self, data):
        """:return: str, equal for equal policies whatever language their names were read in"""
        unnamed = {
            part: [{key: value for key, value in values.items() if key != "name"} for values in data[part]]
            for part in ("stages", "rules")
        }
        return hashlib.sha256(json.dumps(unnamed, sort_keys=True).encode()).hexdigest()
