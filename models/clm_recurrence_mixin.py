from odoo import models


class ClmRecurrenceMixin(models.AbstractModel):
    """Says in words how often something happens."""

    _name = "clm.recurrence.mixin"
    _description = "Recurrence in Words"

    def _describe_recurrence(self):
        """:return: "every month", "every 3 months", "once" …, from recurrence_interval and recurrence_unit"""
        self.ensure_one()
        count, unit = self.recurrence_interval, self.recurrence_unit
        if count == 1:
            return {
                "day": self.env._("every day"), "week": self.env._("every week"),
                "month": self.env._("every month"), "year": self.env._("every year"),
            }.get(unit, self.env._("once"))
        return {
            "day": self.env._("every %(count)s days", count=count),
            "week": self.env._("every %(count)s weeks", count=count),
            "month": self.env._("every %(count)s months", count=count),
            "year": self.env._("every %(count)s years", count=count),
        }.get(unit, self.env._("once"))
