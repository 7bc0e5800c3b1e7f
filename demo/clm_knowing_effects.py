from datetime import timedelta
from typing import NamedTuple

from odoo import api, fields, models
from odoo.tools import SQL

from .clm_knowing_story import RETURN_REASONS

#: In a context after those that keep quiet: activities are made, but nobody gets a mail about them.
ACTIVE = {"mail_activity_automation_skip": False, "mail_activity_quick_update": True}
#: Playbooks acted in so many days.
PLAYBOOK_DAYS = 45
HANDOVER_ACTIVITY = "clm.mail_activity_handover"


class Handover(NamedTuple):
    """Days are counted back from today; ``decided`` is None where nobody answered yet."""

    asked: int
    hours: int
    decided: int | None
    state: str
    note: str


HANDOVERS = (
    Handover(150, 48, 149, "accepted", "Won at the trade fair. Wants two more machines in autumn."),
    Handover(128, 48, 126, "returned", "Came through the website."),
    Handover(97, 48, 96, "accepted", "Prefers mail to calls."),
    Handover(64, 48, 63, "accepted", "Site visit was in spring; the plan is in the documents."),
    Handover(41, 48, 36, "accepted", "Pays for a whole year in advance."),
    Handover(27, 48, 26, "returned", "Asked for a quotation for a second site."),
    Handover(12, 72, 10, "accepted", "The buyer changed: ask for the new one by name."),
    Handover(5, 48, None, "pending", "First order delivered. Offer the service contract next."),
    Handover(1, 72, None, "pending", "Signed last week, wants to start at once."),
    Handover(0, 48, None, "pending", "Asks for training of two people."),
)


class ClmDemo(models.AbstractModel):
    """Lets colleagues hand customers over, and playbooks act."""

    _inherit = "clm.demo"

    # === HAND-OVERS === #

    def _load_handovers(self, customers):
        """The seller hands customers over to the boss, and the other way round."""
        users = self._demo_users()
        for place, story in enumerate(HANDOVERS):
            taker = users[place % 2]
            handover = self.env["clm.handover"].with_user(users - taker)._request(
                customers[-3 * place - 1], taker, hours=story.hours, note=story.note)
            self._decide(handover, story, taker, RETURN_REASONS[place % len(RETURN_REASONS)])

    def _decide(self, handover, story, taker, reason=""):
        """Let the taker answer, and write the dates of all that."""
        if story.state == "accepted":
            handover.with_user(taker).action_accept()
        elif story.state == "returned":
            handover.with_user(taker).action_return(reason)
            handover.sudo().activity_unlink([HANDOVER_ACTIVITY])  # long done
        asked = self._at(story.asked)
        # sudo: these rows are written by their doors alone
        self._write_dates(handover.sudo(), [{
            "requested_at": asked, "create_date": asked, "date_due": asked + timedelta(hours=story.hours),
            "decided_at": self._at(story.decided, hour=15),
        }])

    # === PLAYBOOKS === #

    @api.model
    def _load_playbooks(self, customers):
        """Let playbooks run for some weeks: most of it is done, some waits, some was left out, and one step failed."""
        active = self.env["clm.playbook"].union(*(
            self.env.ref(f"clm.{name}") for name in ("playbook_welcome", "playbook_loyal", "demo_playbook_service")
        ))
        paused = self.env.ref("clm.playbook_win_back")
        since = self._at(PLAYBOOK_DAYS)
        paused._set_state("paused", activated_at=since)
        effects = self.env["clm.effect"]
        before = effects.search([], order="id desc", limit=1).id or 0
        entries = SQL("v.entered_at >= %s AND v.partner_id = ANY(%s)", since, customers.ids)
        effects._insert((active | paused)._sql_entries(entries), fields.Datetime.now())
        made = effects.search([("id", ">", before)], order="entered_at, id").sudo()  # sudo: see above
        for effect in made:
            effect.write({
                "created_at": effect.entered_at,
                "run_at": effect.entered_at + timedelta(days=effect.step_id.delay_days),
            })
        due = made.filtered(lambda effect: effect.run_at <= fields.Datetime.now())
        self._close_effects(due.filtered(lambda effect: effect.playbook_id in active))
        # from now on: customers of other demo data who entered these days get no mail
        active._set_state("active", activated_at=fields.Datetime.now())

    def _close_effects(self, effects):
        """Note what came of each; nothing is done: the feedback and hand-overs of the demo are those of its story."""
        failed = effects.filtered(lambda effect: effect.step_id.kind == "server_action")[-1:]
        failed.partner_id.ref = False
        for effect in effects - failed:
            kind = effect.step_id.kind
            refusal = kind in ("mail", "feedback") and effect._contact()._lifecycle_mail_refusal()
            result, note = (None, refusal) if refusal else self._result_of(effect, kind)
            effect.write({
                "state": "skipped" if refusal else "done", "done_at": effect.run_at, "note": note,
                "result_model": result._name if result else False, "result_id": result.id if result else False,
            })
        failed.write({
            "state": "failed", "attempts": 4, "run_at": failed.run_at + timedelta(hours=8),
            "error": f"{failed.partner_id.name} has no customer number. Enter it in the field Reference, then retry.",
        } if failed else {})

    def _result_of(self, effect, kind):
        """:return: pair: the record that the step made, or None; what stands on the effect"""
        contact = effect._contact()
        if kind == "tags":
            effect.partner_id.category_id |= effect.step_id.tag_ids
            return None, ", ".join(effect.step_id.tag_ids.mapped("name"))
        if kind == "server_action":
            # sudo: server actions are readable by system administrators only
            return None, f"“{effect.step_id.sudo().action_server_id.name}” ran."
        if kind == "activity_plan":
            plan = effect.step_id.plan_id
            return None, f"{len(plan.template_ids)} activities of “{plan.name}”."
        if kind == "mail":
            self._write_dates(effect.partner_id, [{"lifecycle_mailed_at": effect.run_at}])
            return None, f"“Welcome, {contact.name}” to {contact.email_normalized}."
        if kind == "handover":
            return self._handover_of(effect), f"Handed over to {effect.step_id._target_name()}."
        request = self.env["clm.feedback"].search([
            ("contact_id", "=", contact.id), ("kind", "=", effect.step_id.feedback_kind),
        ], order="id desc", limit=1)
        request._set(effect_id=effect.id)
        return request or None, f"{contact.name} is asked."

    def _handover_of(self, effect):
        step, days = effect.step_id, (fields.Datetime.now() - effect.run_at).days
        handover = self.env["clm.handover"].with_context(**ACTIVE).with_user(self.env.ref("base.user_admin"))._request(
            effect.partner_id, step.handover_user_id, hours=step.handover_hours, effect=effect,
            note=effect.playbook_id.name,
        )
        if handover.effect_id == effect:
            answered = days > 3
            self._decide(handover, Handover(
                days, step.handover_hours, days - 1 if answered else None, "accepted" if answered else "pending", "",
            ), step.handover_user_id)
        return handover
