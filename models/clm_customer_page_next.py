from odoo import api, models


class ClmCustomerPage(models.AbstractModel):
    """What each next best action says and opens: one method per code of ``tools.next_action``.

    Each gets the customer, the page and the values of the action, and returns ``title``, ``reason``, ``button`` and
    ``action``: None where the user has no rights on what would open.
    """

    _inherit = "clm.customer.page"

    # === WHAT OPENS === #

    @api.model
    def _open(self, model, res_id):
        return {"type": "ir.actions.act_window", "res_model": model, "res_id": res_id, "views": [[False, "form"]]}

    @api.model
    def _open_if_readable(self, model, res_id):
        Model = self.env[model]
        readable = Model.has_access("read") and Model.browse(res_id)._filtered_access("read")
        return self._open(model, res_id) if readable else None

    @api.model
    def _dialog(self, name, model, customer, **context):
        return {
            "type": "ir.actions.act_window", "name": name, "res_model": model, "views": [[False, "form"]],
            "target": "new",
            "context": {
                "active_model": "res.partner", "active_id": customer.id, "active_ids": customer.ids, **context,
            },
        }

    @api.model
    def _plan(self, customer, summary):
        """:return: dict: button and action that plan an activity with the customer, or open it for those who may not"""
        if customer.has_access("write"):
            return {
                "button": self.env._("Plan a call"),
                "action": self._dialog(
                    self.env._("Plan a call"), "mail.activity.schedule", customer, default_summary=summary),
            }
        return {"button": self.env._("Open contact"), "action": self._open("res.partner", customer.id)}

    @api.model
    def _days_words(self, count):
        count = int(count)
        return self.env._("1 day") if count == 1 else self.env._("%(count)s days", count=count)

    # === WHAT IT SAYS === #

    @api.model
    def _next_answer_feedback(self, customer, page, values):
        return {
            "title": self.env._("Answer the bad feedback"),
            "reason": self.env._("%(score)s points, %(days)s ago; nobody told the customer what came of it.",
                                 score=int(values["score"]), days=self._days_words(values["days"])),
            "button": self.env._("Open the answer"),
            "action": self._open("clm.feedback", page["feedback"]["unanswered"]["id"]),
        }

    @api.model
    def _next_decide_contract(self, customer, page, values):
        contract = page["renewal"]["undecided"]
        return {
            "title": self.env._("Decide about %(contract)s", contract=contract["name"]),
            "reason": self.env._("The last day for notice is in %(days)s.", days=self._days_words(values["days"]))
            if values["days"] else self.env._("Today is the last day for notice."),
            "button": self.env._("Open the contract"), "action": self._open("clm.contract", contract["id"]),
        }

    @api.model
    def _next_meet_obligations(self, customer, page, values):
        count = int(values["count"])
        return {
            "title": self.env._("Keep what we promised"),
            "reason": self.env._("One obligation of ours is late.") if count == 1
            else self.env._("%(count)s obligations of ours are late.", count=count),
            "button": self.env._("Open the oldest"),
            "action": self._open("clm.obligation", page["deadlines"]["missed_id"]),
        }

    @api.model
    def _next_settle_handover(self, customer, page, values):
        handover = max((row for row in page["handovers"] if row["is_late"]), key=lambda row: row["late_days"])
        return {
            "title": self.env._("Settle the hand-over"),
            "reason": self.env._("%(taker)s should have answered by now.", taker=handover["to"]),
            "button": self.env._("Open the hand-over"), "action": self._open("clm.handover", handover["id"]),
        }

    @api.model
    def _next_collect_payment(self, customer, page, values):
        return {
            "title": self.env._("Ask for the payment"),
            "reason": self.env._("The oldest open invoice is %(days)s late.", days=self._days_words(values["days"])),
            "button": self.env._("Show the invoices"),
            "action": {
                "type": "ir.actions.act_window", "name": self.env._("Overdue Invoices"), "res_model": "account.move",
                "views": [[False, "list"], [False, "form"]],
                "domain": [
                    ("commercial_partner_id", "=", customer.id), ("state", "=", "posted"),
                    ("payment_state", "in", ("not_paid", "partial")),
                    ("move_type", "in", ("out_invoice", "out_receipt")),
                    ("invoice_date_due", "<", page["today"]),
                ],
                "context": {"create": False},
            } if self.env["account.move"].has_access("read") else None,
        }

    @api.model
    def _next_renew_contract(self, customer, page, values):
        contract = page["renewal"]["expiring"]
        return {
            "title": self.env._("Renew %(contract)s", contract=contract["name"]),
            "reason": self.env._("It ends in %(days)s, and nothing follows.", days=self._days_words(values["days"]))
            if values["days"] else self.env._("It ends today, and nothing follows."),
            "button": self.env._("Open the contract"), "action": self._open("clm.contract", contract["id"]),
        }

    @api.model
    def _next_save_customer(self, customer, page, values):
        reason = self.env._("The health is %(health)s of 100.", health=int(values.get("health", 0)))
        if values.get("change", 0) < 0:
            reason = self.env._(
                "The health is %(health)s of 100, %(change)s points less than last month.",
                health=int(values.get("health", 0)), change=-int(values["change"]))
        return {"title": self.env._("Find out what is wrong"), "reason": reason,
                **self._plan(customer, self.env._("How are things going?"))}

    @api.model
    def _next_call_before_lapse(self, customer, page, values):
        return {
            "title": self.env._("Call before the customer lapses"),
            "reason": self.env._("Without a purchase it lapses in %(days)s.", days=self._days_words(values["days"])),
            **self._plan(customer, self.env._("Call before the customer lapses")),
        }

    @api.model
    def _next_call_silent_buyer(self, customer, page, values):
        return {
            "title": self.env._("Ask about the next purchase"),
            "reason": self.env._("It was to be expected %(days)s ago.", days=self._days_words(values["days"])),
            **self._plan(customer, self.env._("Ask about the next purchase")),
        }

    @api.model
    def _next_follow_up_quotation(self, customer, page, values):
        quotation = page["quotation"]
        return {
            "title": self.env._("Follow up quotation %(number)s", number=quotation["name"]),
            "reason": self.env._("Sent %(days)s ago, not answered.", days=self._days_words(values["days"])),
            "button": self.env._("Open the quotation"),
            "action": self._open_if_readable("sale.order", quotation["id"]),
        }

    @api.model
    def _next_assign_salesperson(self, customer, page, values):
        dialog = self._dialog(self.env._("Hand Over"), "clm.handover.request", customer)
        return {
            "title": self.env._("Name a salesperson"),
            "reason": self.env._("Nobody is responsible for this customer."),
            "button": self.env._("Hand over"),
            "action": dialog if page["header"]["can_hand_over"] else None,
        }

    @api.model
    def _next_win_back(self, customer, page, values):
        return {
            "title": self.env._("Win the customer back"),
            "reason": self.env._("It bought in the past and has gone silent."),
            **self._plan(customer, self.env._("Win the customer back")),
        }

    @api.model
    def _next_ask_referral(self, customer, page, values):
        return {
            "title": self.env._("Ask for a recommendation"),
            "reason": self.env._("The last answer was %(score)s points: a good moment.", score=int(values["score"])),
            **self._plan(customer, self.env._("Ask for a recommendation")),
        }

    @api.model
    def _next_ask_consent(self, customer, page, values):
        return {
            "title": self.env._("Ask whether we may send mails"),
            "reason": self.env._("Some automatic mails need an agreement, which was neither given nor refused."),
            "button": self.env._("Open contact"), "action": self._open("res.partner", customer.id),
        }
