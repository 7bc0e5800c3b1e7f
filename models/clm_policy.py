import json

from odoo import api, models
from odoo.exceptions import ValidationError
from odoo.fields import Command

from ..tools import replay
from ..tools.policy_check import NEVER_TRIED, TIME_LOOP, check_policy

HELD = "clm.policy.held"


class ClmPolicy(models.AbstractModel):
    """The policy as data, between the records that people edit and the pure function that uses it.

    Data is a dict with ``stages`` and ``rules`` (lists of dicts, plain values). It is read from the records,
    unless an edit made in the configuration screens waits to be applied: then the policy of before is kept
    in a parameter and goes on being used.
    """

    _name = "clm.policy"
    _description = "Lifecycle Policy"

    # === READ === #

    @api.model
    def _data(self):
        """:return: dict, the policy in force"""
        return self._held() or self._read()

    @api.model
    def _read(self, include_rule_ids=()):
        """The policy as the records say.

        :param include_rule_ids: archived rules to take as active, for the dry run
        :return: dict
        """
        # sudo: the engine works for everybody, whatever they may read
        stages = self.env["clm.stage"].sudo().search([])  # pylint: disable=no-search-all
        rules = self.env["clm.rule"].sudo().with_context(active_test=False).search(
            ["|", ("active", "=", True), ("id", "in", list(include_rule_ids))]
        )
        return {
            "stages": [
                {"id": stage.id, "name": stage.name, "sequence": stage.sequence,
                 "is_customer": stage.is_customer, "is_lapsed": stage.is_lapsed}
                for stage in stages
            ],
            "rules": [
                {
                    "id": rule.id,
                    "name": rule.name,
                    "stage_id": rule.stage_id.id,
                    "from_stage_ids": rule.from_stage_ids.ids,
                    "sequence": rule.sequence,
                    "partner_domain": rule.partner_domain or "[]",
                    "conditions": [condition._policy_values() for condition in rule.condition_ids],
                }
                for rule in rules
            ],
        }

    @api.model
    def _compile(self, data):
        """:return: ``tools.replay.Policy`` of ``data``"""
        return replay.Policy(*self._parts(data))

    @api.model
    def _parts(self, data):
        # the rank in the list, not the sequence itself: two stages may share a number
        stages = [
            replay.Stage(stage["id"], rank, stage["is_customer"], stage["is_lapsed"])
            for rank, stage in enumerate(data["stages"])
        ]
        known = {stage.id for stage in stages}
        rules = [
            replay.Rule(
                id=rule["id"],
                stage_id=rule["stage_id"],
                from_stage_ids=frozenset(rule["from_stage_ids"]),
                conditions=tuple(replay.Condition(**condition) for condition in rule["conditions"]),
                sequence=rule["sequence"],
            )
            for rule in data["rules"]
            if rule["stage_id"] in known and rule["conditions"]
        ]
        return stages, rules

    @api.model
    def _check(self):
        """Refuse a policy in which customers would move for ever with nothing happening.

        :raise ValidationError: naming the rules
        """
        _ = self.env._
        for problem in check_policy(*self._parts(self._read())):
            names = ", ".join(self.env["clm.rule"].browse(problem.rule_ids).mapped("name"))
            if problem.code == TIME_LOOP:
                raise ValidationError(_(
                    "These rules would move a customer back and forth for ever with nothing happening: %(rules)s. "
                    "Add a condition on what the customer does to one of them.",
                    rules=names,
                ))
            if problem.code == NEVER_TRIED:
                raise ValidationError(_(
                    "Rule %(rule)s would never move anybody: nothing that happens makes it hold. "
                    "Add a condition on an event, or on a number of days to wait.",
                    rule=names,
                ))

    # === EDITS THAT WAIT === #

    @api.model
    def _held(self):
        """:return: dict, the policy in force while edits wait to be applied, or None"""
        # sudo: parameters are readable by system administrators only
        held = self.env["ir.config_parameter"].sudo().get_param(HELD)
        return json.loads(held) if held else None

    @api.model
    def _hold(self):
        """Keep the policy as it is now in force, until :meth:`_apply` or :meth:`_discard`."""
        if not self._held():
            self._set_held(json.dumps(self._read()))

    @api.model
    def _set_held(self, value):
        # sudo: parameters are writable by system administrators only; managers change the policy
        self.env["ir.config_parameter"].sudo().set_param(HELD, value)

    @api.model
    def _apply(self):
        """Let the edited policy take effect, for the past too: every customer is replayed."""
        self._set_held(False)
        self.env["clm.lifecycle.engine"]._enqueue_all()

    @api.model
    def _discard(self):
        """Put the records back to the policy in force."""
        held = self._held()
        if not held:
            return
        self._set_held(False)
        stage_ids = self._restore_stages(held["stages"])
        self._restore_rules(held["rules"], stage_ids)
        # what was added since; no rule leads there any more and nobody can have been moved there
        Stage = self.env["clm.stage"].with_context(clm_policy_edit=False)
        Stage.search([("id", "not in", list(stage_ids.values()))]).active = False

    @api.model
    def _restore_stages(self, stages):
        """:return: dict of id in the policy in force -> id now; they differ for stages deleted since, made anew"""
        Stage = self.env["clm.stage"].with_context(active_test=False, clm_policy_edit=False)
        stage_ids = {}
        for values in stages:
            vals = {"active": True, **{name: values[name] for name in ("sequence", "is_customer", "is_lapsed")}}
            stage = Stage.browse(values["id"]).exists()
            if stage:
                stage.write(vals)
            else:
                stage = Stage.create({**vals, "name": values["name"]})
            stage_ids[values["id"]] = stage.id
        return stage_ids

    @api.model
    def _restore_rules(self, rules, stage_ids):
        Rule = self.env["clm.rule"].with_context(active_test=False, clm_policy_edit=False)
        known = Rule.browse(rule["id"] for rule in rules).exists()
        # all of them first: a rule put back must not be checked against one that is still edited
        Rule.search([("active", "=", True)]).active = False
        for values in rules:
            rule = Rule.browse(values["id"])
            vals = {
                "active": True,
                "stage_id": stage_ids[values["stage_id"]],
                "from_stage_ids": [Command.set([stage_ids.get(old, old) for old in values["from_stage_ids"]])],
                "sequence": values["sequence"],
                "partner_domain": values["partner_domain"],
                "condition_ids": [Command.clear()] + [
                    Command.create(self.env["clm.rule.condition"]._policy_vals(condition))
                    for condition in values["conditions"]
                ],
            }
            if rule in known:
                rule.write(vals)
            else:
                Rule.create({**vals, "name": values["name"]})
